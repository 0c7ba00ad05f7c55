import { Input, Text, View } from "@tarojs/components";

const PEOPLE = ["小红", "小明", "阿杰"];

/** In a browser there is no WeChat to know who holds the phone: somebody is picked, or invented. */
export function DemoPeople({
  person,
  onChange,
}: {
  person: string;
  onChange: (name: string) => void;
}) {
  return (
    <View className="card">
      <Text className="label">演示：谁在登录？</Text>
      <View className="chips">
        {PEOPLE.map((name) => (
          <View
            key={name}
            className={name === person ? "chip chip-on" : "chip"}
            onClick={() => onChange(name)}
          >
            <Text>{name}</Text>
          </View>
        ))}
      </View>
      <Input
        className="field"
        id="person"
        value={person}
        maxlength={32}
        placeholder="或者写一个名字"
        onInput={({ detail }) => onChange(detail.value)}
      />
    </View>
  );
}
