import { Text, View } from "@tarojs/components";
import { useDidShow } from "@tarojs/taro";
import { useState } from "react";
import { Avatar } from "../../components/person";
import { PrivacySheet } from "../../components/privacy-sheet";
import { ProblemNote } from "../../components/problem-note";
import { PushButton } from "../../components/push-button";
import type { LoginSession, Profile } from "../../identity/index";
import { identity } from "../../service";
import { useActions } from "../../use-actions";
import { goTo, open, toast } from "../../ways";
import { Account } from "./account";
import { Devices } from "./devices";
import { Phone } from "./phone";

export default function HomePage() {
  const { busy, isReading, problem, run, read } = useActions();
  const [profile, setProfile] = useState<Profile>();
  const [sessions, setSessions] = useState<readonly LoginSession[]>([]);
  const refresh = () =>
    read(async () => {
      if (!identity.loggedIn) return goTo("login");
      setProfile(await identity.getProfile());
      setSessions(await identity.listSessions());
    });
  useDidShow(() => void refresh());
  const bind = (getCode: () => Promise<string>) =>
    run("bind", async () => {
      setProfile(await identity.bindPhone(await getCode()));
      await toast("已绑定");
    });
  const signOut = (id: string) =>
    run(id, async () => {
      await identity.endSession(id);
      setSessions((before) => before.filter((one) => one.id !== id));
      await toast("已下线");
    });
  return (
    <View className="page">
      {profile ? (
        <>
          <View className="card person">
            <Avatar src={profile.avatar} name={profile.nickname} />
            <View className="person-names">
              <Text className="person-name" id="name">
                {profile.nickname}
              </Text>
              <Text className="person-id">{profile.username}</Text>
            </View>
            <PushButton look="small" id="edit" onClick={() => run("edit", () => open("profile"))}>
              修改
            </PushButton>
          </View>
          <Phone phone={profile.phone} isBusy={busy !== undefined} bind={bind} />
          <Devices
            sessions={sessions}
            busy={busy}
            isReading={isReading}
            refresh={refresh}
            signOut={signOut}
          />
        </>
      ) : null}
      {!profile && isReading ? <Text className="hint hint-center">正在读取</Text> : null}
      <ProblemNote problem={problem} />
      {problem ? (
        <PushButton look="plain" id="again" disabled={isReading} onClick={refresh}>
          重新读取
        </PushButton>
      ) : null}
      <Account busy={busy} run={run} />
      <PrivacySheet />
    </View>
  );
}
