import { Input, Text, View } from "@tarojs/components";
import { useState } from "react";
import { PushButton } from "../../components/push-button";
import { demoPhoneCode } from "../../demo";
import { isBrowser } from "../../service";

/** WeChat sells these by the thousand; the mini program has used up what it bought. */
const QUOTA_USED_UP = 1_400_001;

interface PhoneProps {
  phone: string;
  isBusy: boolean;
  bind: (getCode: () => Promise<string>) => Promise<void>;
}

/** The number bound to the account, and the way to bind another. */
export function Phone({ phone, isBusy, bind }: PhoneProps) {
  const [typed, setTyped] = useState("");
  const label = phone ? "更换" : "绑定";
  return (
    <View className="card">
      <View className="row">
        <View className="row-main">
          <Text className="label">手机号</Text>
          <Text className="value" id="phone">
            {phone || "还没有绑定"}
          </Text>
        </View>
        {isBrowser ? null : (
          <PushButton
            look="small"
            id="bind"
            openType="getPhoneNumber"
            disabled={isBusy}
            onGetPhoneNumber={({ detail }) => bind(async () => toCode(detail))}
          >
            {label}
          </PushButton>
        )}
      </View>
      {isBrowser ? (
        <View className="row row-field">
          <Input
            className="field"
            id="number"
            type="number"
            maxlength={15}
            value={typed}
            placeholder="演示：写一个手机号"
            onInput={({ detail }) => setTyped(detail.value)}
          />
          <PushButton
            look="small"
            id="bind"
            disabled={isBusy || typed.length < 4}
            onClick={() => bind(() => demoPhoneCode(typed))}
          >
            {label}
          </PushButton>
        </View>
      ) : null}
    </View>
  );
}

/** The code that the event brought; throws what WeChat says where there is none. */
function toCode(detail: { code?: string; errMsg?: string; errno?: number }): string {
  if (detail.code) return detail.code;
  if (detail.errno === QUOTA_USED_UP) throw new Error("本小程序的手机号验证次数已用完");
  throw detail;
}
