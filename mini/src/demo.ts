import Taro from "@tarojs/taro";

const PERSON = "demo-person";

/** Whom the browser takes to be holding the phone; kept, so that a reload knows it too. */
export function demoPerson(): string {
  return Taro.getStorageSync(PERSON) || "";
}

export function becomeDemoPerson(name: string): void {
  Taro.setStorageSync(PERSON, name);
}

/** What `wx.login` would give that person. */
export function demoLoginCode(): Promise<string> {
  return ask(`code?person=${encodeURIComponent(demoPerson())}`);
}

/** What the phone button would give for this number. */
export function demoPhoneCode(phone: string): Promise<string> {
  return ask(`phone-code?phone=${encodeURIComponent(phone)}`);
}

async function ask(path: string): Promise<string> {
  const { statusCode, data } = await Taro.request<string>({
    url: `/demo/${path}`,
    dataType: "text",
    responseType: "text",
  });
  if (statusCode !== 200) throw new Error(data);
  return data;
}
