import { Image, Text, View } from "@tarojs/components";

/** A person's picture, or the first letter of the name in its place. */
export function Avatar({ src, name }: { src: string; name: string }) {
  return src ? (
    <Image className="avatar" id="picture" mode="aspectFill" src={src} />
  ) : (
    <View className="avatar avatar-letter">
      <Text>{[...name][0]}</Text>
    </View>
  );
}
