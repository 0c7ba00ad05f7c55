import { Button, type ButtonProps, Text, View } from "@tarojs/components";
import type { PropsWithChildren } from "react";

/** How a button looks: the one thing to do here, another one, or one not to do by mistake. */
type Look = "first" | "plain" | "danger" | "danger-first" | "small" | "small-danger";

const CLASSES: Readonly<Record<Look, string>> = {
  first: "button",
  plain: "button button-plain",
  danger: "button button-plain button-danger",
  "danger-first": "button button-danger-filled",
  small: "button-small",
  "small-danger": "button-small button-danger",
};

interface PushButtonProps extends Omit<ButtonProps, "className" | "loading"> {
  look?: Look;
  isBusy?: boolean;
}

/**
 * A button, with a wheel of our own while it works: what Taro puts in for `loading` gets in the way of
 * React when the text changes too.
 */
export function PushButton({
  look = "first",
  isBusy = false,
  children,
  ...props
}: PropsWithChildren<PushButtonProps>) {
  return (
    <Button className={CLASSES[look]} {...props}>
      <View className={isBusy ? "wheel wheel-on" : "wheel"} />
      <Text>{children}</Text>
    </Button>
  );
}
