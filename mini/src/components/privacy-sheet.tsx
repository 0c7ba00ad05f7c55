import { Text } from "@tarojs/components";
import Taro, { useDidShow } from "@tarojs/taro";
import { useState } from "react";
import { isBrowser } from "../service";
import { PushButton } from "./push-button";
import { Sheet } from "./sheet";

type Answer = Parameters<Taro.onNeedPrivacyAuthorization.Listener>[0];

const AGREE = "privacy-agree";

/**
 * Asks for consent to the privacy guide before WeChat hands out an avatar, a nickname or a phone number
 * (base library 2.32.3 and later; before, there is nothing to ask).
 */
export function PrivacySheet() {
  // Several of WeChat's dialogs may wait for the one answer.
  const [waiting, setWaiting] = useState<readonly Answer[]>([]);
  useDidShow(() => {
    if (isBrowser || !Taro.canIUse("onNeedPrivacyAuthorization")) return;
    Taro.onNeedPrivacyAuthorization((answer) => setWaiting((before) => [...before, answer]));
  });
  const settle = (event: "agree" | "disagree") => {
    for (const answer of waiting) answer({ event, buttonId: AGREE });
    setWaiting([]);
  };
  if (waiting.length === 0) return null;
  return (
    <Sheet title="隐私保护">
      <Text className="sheet-text">
        头像、昵称和手机号只用来建立你的账号。使用前请阅读并同意隐私保护指引。
      </Text>
      <PushButton look="plain" onClick={() => Taro.openPrivacyContract()}>
        查看隐私保护指引
      </PushButton>
      <PushButton
        id={AGREE}
        openType="agreePrivacyAuthorization"
        onAgreePrivacyAuthorization={() => settle("agree")}
      >
        同意
      </PushButton>
      <PushButton look="plain" onClick={() => settle("disagree")}>
        不同意
      </PushButton>
    </Sheet>
  );
}
