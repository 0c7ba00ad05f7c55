import { Text, View } from "@tarojs/components";
import { useLoad } from "@tarojs/taro";
import { useState } from "react";
import { ProblemNote } from "../../components/problem-note";
import { PushButton } from "../../components/push-button";
import { becomeDemoPerson, demoPerson } from "../../demo";
import { identity, isBrowser } from "../../service";
import { useActions } from "../../use-actions";
import { goTo, toast } from "../../ways";
import { DemoPeople } from "./demo-people";

export default function LoginPage() {
  const { busy, problem, run, read } = useActions();
  const [person, setPerson] = useState(demoPerson);
  useLoad(() => {
    if (identity.loggedIn) void read(() => goTo("home"));
  });
  const login = () =>
    run("login", async () => {
      if (isBrowser) becomeDemoPerson(person.trim());
      const { isNewUser } = await identity.login();
      await toast(isNewUser ? "注册成功" : "登录成功");
      await goTo(isNewUser ? "profile" : "home");
    });
  return (
    <View className="page page-login">
      <View className="hero">
        <View className="mark">
          <View className="mark-head" />
          <View className="mark-body" />
        </View>
        <Text className="title">你好</Text>
        <Text className="lead">用微信身份登录，不必再记一个密码</Text>
      </View>
      {isBrowser ? <DemoPeople person={person} onChange={setPerson} /> : null}
      <ProblemNote problem={problem} />
      <PushButton
        id="login"
        isBusy={busy === "login"}
        disabled={busy !== undefined || (isBrowser && !person.trim())}
        onClick={login}
      >
        {busy === "login" ? "正在登录" : "微信一键登录"}
      </PushButton>
      <Text className="hint hint-center">第一次登录会自动注册</Text>
    </View>
  );
}
