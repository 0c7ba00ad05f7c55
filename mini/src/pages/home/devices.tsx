import { Text, View } from "@tarojs/components";
import { PushButton } from "../../components/push-button";
import type { LoginSession } from "../../identity/index";
import { toTime } from "../../time";

interface DevicesProps {
  sessions: readonly LoginSession[];
  busy: string | undefined;
  isReading: boolean;
  refresh: () => Promise<void>;
  signOut: (id: string) => Promise<void>;
}

/** Where a person is logged in; each login but this one can be ended from here. */
export function Devices({ sessions, busy, isReading, refresh, signOut }: DevicesProps) {
  return (
    <View className="card" id="devices">
      <View className="row row-head">
        <Text className="label">登录的设备</Text>
        <PushButton look="small" id="refresh" disabled={isReading} onClick={refresh}>
          刷新
        </PushButton>
      </View>
      {sessions.map(({ id, device, lastUsedAt, current }) => (
        <View className="row device" key={id}>
          <View className="row-main">
            <Text className="value">{device || "未知设备"}</Text>
            <Text className="hint">最近使用 {toTime(lastUsedAt)}</Text>
          </View>
          {current ? (
            <Text className="tag">本机</Text>
          ) : (
            <PushButton
              look="small-danger"
              isBusy={busy === id}
              disabled={busy !== undefined}
              onClick={() => signOut(id)}
            >
              下线
            </PushButton>
          )}
        </View>
      ))}
    </View>
  );
}
