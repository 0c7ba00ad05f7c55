import { Button, Text, View } from "@tarojs/components";
import Taro from "@tarojs/taro";
import { Avatar } from "../../components/person";
import { isBrowser } from "../../service";
import type { Actions } from "../../use-action";

/** Lets a person pick a picture: WeChat's own choice, in a browser a file. Nothing is sent yet. */
export function AvatarButton({
  src,
  name,
  onPick,
  run,
}: {
  src: string;
  name: string;
  onPick: (file: string) => void;
  run: Actions["run"];
}) {
  const pickFile = () =>
    run("pick", async () => {
      const { tempFilePaths } = await Taro.chooseImage({ count: 1 });
      if (tempFilePaths[0]) onPick(tempFilePaths[0]);
    });
  return (
    <View className="picker">
      <Button
        className="avatar-button"
        id="avatar"
        {...(isBrowser
          ? { onClick: pickFile }
          : {
              openType: "chooseAvatar" as const,
              onChooseAvatar: ({ detail }) => onPick(detail.avatarUrl),
            })}
      >
        <Avatar src={src} name={name} />
      </Button>
      <Text className="hint">点头像更换</Text>
    </View>
  );
}
