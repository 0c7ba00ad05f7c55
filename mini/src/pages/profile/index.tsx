import { Form, Input, Text, View } from "@tarojs/components";
import { useLoad } from "@tarojs/taro";
import { useState } from "react";
import { PrivacySheet } from "../../components/privacy-sheet";
import { ProblemNote } from "../../components/problem-note";
import { PushButton } from "../../components/push-button";
import type { Profile } from "../../identity/index";
import { identity, isBrowser } from "../../service";
import { useActions } from "../../use-actions";
import { canGoBack, goTo, leave, toast } from "../../ways";
import { AvatarButton } from "./avatar-button";

/** What somebody new has instead of a name. */
const NO_NAME = "微信用户";

export default function ProfilePage() {
  const { busy, problem, run, read } = useActions();
  const [profile, setProfile] = useState<Profile>();
  const [picked, setPicked] = useState("");
  const [isRefused, setRefused] = useState(false);
  // Somebody new comes here first; later it is opened from home.
  const [isEdit] = useState(canGoBack);
  const [typed, setTyped] = useState<string>();
  useLoad(() => {
    void read(async () => {
      if (!identity.loggedIn) return goTo("login");
      setProfile(await identity.getProfile());
    });
  });
  const save = (name: string) =>
    run("save", async () => {
      if (picked) {
        const { avatar } = await identity.uploadAvatar(picked);
        // Not sent once more, should the nickname be refused.
        setProfile((before) => before && { ...before, avatar });
        setPicked("");
      }
      const nickname = name.trim();
      if (nickname && nickname !== profile?.nickname) await identity.updateProfile({ nickname });
      await toast("已保存");
      await leave();
    });
  const known = profile && profile.nickname !== NO_NAME ? profile.nickname : "";
  return (
    <View className="page">
      <Form id="form" onSubmit={({ detail }) => save(String(detail.value?.nickname ?? ""))}>
        <View className="card card-center">
          <AvatarButton
            src={picked || profile?.avatar || ""}
            name={known}
            onPick={setPicked}
            actions={{ busy, run }}
          />
        </View>
        <View className="card">
          <Text className="label">昵称</Text>
          <Input
            className="field"
            id="nickname"
            name="nickname"
            type="nickname"
            value={typed ?? known}
            maxlength={32}
            placeholder="怎么称呼你"
            {...(isBrowser ? { onInput: ({ detail }) => setTyped(detail.value) } : {})}
            onNickNameReview={({ detail }) => setRefused(!detail.pass && !detail.timeout)}
          />
          {isRefused ? <Text className="refused">这个昵称没有通过微信的审核，请换一个</Text> : null}
        </View>
        <ProblemNote problem={problem} />
        <PushButton
          id="save"
          // WeChat's review may clear the field late, so only the form knows; Taro's form in a browser only
          // knows of fingers.
          {...(isBrowser
            ? { onClick: () => save(typed ?? known) }
            : { formType: "submit" as const })}
          isBusy={busy === "save"}
          disabled={busy !== undefined}
        >
          保存
        </PushButton>
      </Form>
      <PushButton
        look="plain"
        id="skip"
        disabled={busy === "save"}
        onClick={() => run("skip", leave)}
      >
        {isEdit ? "返回" : "跳过"}
      </PushButton>
      <PrivacySheet />
    </View>
  );
}
