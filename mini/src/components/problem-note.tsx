import { Text, View } from "@tarojs/components";
import type { Problem } from "../problem";

/** Says what went wrong. */
export function ProblemNote({ problem }: { problem: Problem | undefined }) {
  if (!problem) return null;
  return (
    <View className="problem" id="problem">
      <Text className="problem-text">{problem.text}</Text>
      {problem.requestId ? (
        <Text className="problem-id" userSelect>
          请求编号 {problem.requestId}
        </Text>
      ) : null}
    </View>
  );
}
