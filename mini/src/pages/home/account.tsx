import { Text, View } from "@tarojs/components";
import { useState } from "react";
import { PushButton } from "../../components/push-button";
import { Sheet } from "../../components/sheet";
import { identity } from "../../service";
import { toDate } from "../../time";
import type { Actions } from "../../use-actions";
import { goTo, toast } from "../../ways";

/** Ways out: of this device, and for good. */
export function Account({ busy, run }: Pick<Actions, "busy" | "run">) {
  const [isAsking, setAsking] = useState(false);
  const [erasedAfter, setErasedAfter] = useState("");
  const logOut = () =>
    run("logout", async () => {
      await identity.logout();
      await toast("已退出");
      await goTo("login");
    });
  const deleteAccount = () =>
    run("delete", async () => {
      try {
        const deleted = await identity.deleteAccount();
        setErasedAfter(deleted.erasedAfter);
      } finally {
        // What went wrong stands on the page below.
        setAsking(false);
      }
    });
  return (
    <View className="ways-out">
      <PushButton
        look="plain"
        id="logout"
        isBusy={busy === "logout"}
        disabled={busy !== undefined}
        onClick={logOut}
      >
        退出登录
      </PushButton>
      <PushButton
        look="danger"
        id="delete"
        disabled={busy !== undefined}
        onClick={() => setAsking(true)}
      >
        注销账号
      </PushButton>
      {isAsking ? (
        <Sheet title="注销账号？">
          <Text className="sheet-text">
            所有设备会立即下线，账号会在保留期之后永久删除。保留期内再次登录，就会恢复账号。
          </Text>
          <PushButton
            look="danger-first"
            id="delete-really"
            isBusy={busy === "delete"}
            disabled={busy !== undefined}
            onClick={deleteAccount}
          >
            确认注销
          </PushButton>
          <PushButton
            look="plain"
            id="delete-not"
            disabled={busy !== undefined}
            onClick={() => setAsking(false)}
          >
            再想想
          </PushButton>
        </Sheet>
      ) : null}
      {erasedAfter ? (
        <Sheet title="账号已注销">
          <Text className="sheet-text" id="erased">
            {toDate(erasedAfter)}之后，账号会被永久删除。在那之前再次登录，就会恢复账号。
          </Text>
          <PushButton id="deleted-seen" onClick={() => run("seen", () => goTo("login"))}>
            知道了
          </PushButton>
        </Sheet>
      ) : null}
    </View>
  );
}
