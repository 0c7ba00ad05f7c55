import { Text, View } from "@tarojs/components";
import type { PropsWithChildren } from "react";

/** A question that has to be answered first. */
export function Sheet({ title, children }: PropsWithChildren<{ title: string }>) {
  return (
    <View className="veil" catchMove>
      <View className="sheet">
        <Text className="sheet-title">{title}</Text>
        {children}
      </View>
    </View>
  );
}
