import { Button, Text, View } from "@tarojs/components";
import Taro from "@tarojs/taro";
import { Avatar } from "../../components/person";
import { isBrowser } from "../../service";
import type { Actions } from "../../use-actions";

/** Lets a person pick a picture: WeChat's own choice, in a browser a file. Nothing is sent yet. */
export function AvatarButton({
  src,
  name,
  onPick,
  actions: { busy, run },
}: {
  src: string;
  name: string;
  onPick: (file: string) => void;
  actions: Pick<Actions, "busy" | "run">;
}) {
  const pickFile = () =>
    run("pick", async () => {
      const { tempFilePaths } = await Taro.chooseImage({ count: 1, sourceType: ["album"] });
      if (tempFilePaths[0]) onPick(tempFilePaths[0]);
    });
  return (
    <View className="picker">
      <Button
        className="avatar-button"
        id="avatar"
        disabled={busy !== undefined}
        {...(isBrowser
          ? { onClick: pickFile }
          : {
              openType: "chooseAvatar" as const,
              onChooseAvatar: ({ detail }) => onPick(detail.avatarUrl),
            })}
      >
        <Avatar src={src} name={name || "+"} />
      </Button>
      <Text className="hint">点头像更换</Text>
    </View>
  );
}
