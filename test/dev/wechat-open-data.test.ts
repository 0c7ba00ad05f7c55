import { createDecipheriv, createHash } from "node:crypto";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { encryptOpenData, type OpenData } from "../../src/dev/wechat-open-data.ts";
import type { WechatSimulator } from "../../src/dev/wechat-simulator.ts";
import { APP, OTHER, startSimulator } from "../support/mini-apps.ts";

let simulator: WechatSimulator;

beforeEach(async () => {
  simulator = await startSimulator(() => 1_000_000_500);
});

afterEach(() => simulator.close());

function decrypt({ encryptedData, iv }: OpenData, sessionKey: string): unknown {
  const [key, vector] = [Buffer.from(sessionKey, "base64"), Buffer.from(iv, "base64")];
  const decipher = createDecipheriv("aes-128-cbc", key, vector);
  return JSON.parse(decipher.update(encryptedData, "base64", "utf8") + decipher.final("utf8"));
}

describe("data are encrypted", () => {
  it("as WeChat's own example", () => {
    const data = {
      openId: "oGZUI0egBJY1zhBYw2KhdUfwVJJE",
      nickName: "Band",
      gender: 1,
      language: "zh_CN",
      city: "Guangzhou",
      province: "Guangdong",
      country: "CN",
      avatarUrl:
        "http://wx.qlogo.cn/mmopen/vi_32/aSKcBBPpibyKNicHNTMM0qJVh8Kjgiak2AHWr8MHM4WgMEm7GFhsf8OYrySdbvAMvTsw3mo8ibKicsnfN5pRjl1p8HQ/0",
      unionId: "ocMvos6NjeKLIBqg5Mr9QjxrP1FA",
    };
    const iv = Buffer.from("r7BXXKkLb8qrSNn05n0qiA==", "base64");
    const watermark = { timestamp: 1477314187, appid: "wx4f4bc4dec97d474b" };
    const encrypted = encryptOpenData(data, watermark, "tiihtNczf5v6AKRyjwEUhQ==", iv);
    expect(encrypted.encryptedData).toBe(
      "CiyLU1Aw2KjvrjMdj8YKliAjtP4gsMZMQmRzooG2xrDcvSnxIMXFufNstNGTyaGS9uT5geRa0W4oTOb1WT7fJlAC+oNPdbB+3hVbJSRgv+4lGOETKUQz6OYStslQ142dNCuabNPGBzlooOmB231qMM85d2/fV6ChevvXvQP8Hkue1poOFtnEtpyxVLW1zAo6/1Xx1COxFvrc2d7UL/lmHInNlxuacJXwu0fjpXfz/YqYzBIBzD6WUfTIF9GRHpOn/Hz7saL8xz+W//FRAUid1OksQaQx4CMs8LOddcQhULW4ucetDf96JcR3g0gfRK4PC7E/r7Z6xNrXd2UIeorGj5Ef7b1pJAYB6Y5anaHqZ9J6nKEBvB4DnNLIVWSgARns/8wR2SiRS7MNACwTyrGvt9ts8p12PKFdlqYTopNHR1Vf7XjfhQlVsAJdNiKdYmYVoKlaRv85IfVunYzO0IKXsyl7JCUjCpoG20f0a04COwfneQAGGwd5oa+T8yO5hzuyDb/XcxxmK01EpqOyuxINew==",
    );
    expect(encrypted.iv).toBe("r7BXXKkLb8qrSNn05n0qiA==");
  });

  it("and signed as WeChat's own example", () => {
    const rawData =
      '{"nickName":"Band","gender":1,"language":"zh_CN","city":"Guangzhou","province":"Guangdong","country":"CN","avatarUrl":"http://wx.qlogo.cn/mmopen/vi_32/1vZvI39NWFQ9XM4LtQpFrQJ1xlgZxx3w7bQxKARol6503Iuswjjn6nIGBiaycAjAtpujxyzYsrztuuICqIM5ibXQ/0"}';
    const data = { openId: "oGZUI0egBJY1zhBYw2KhdUfwVJJE", ...JSON.parse(rawData) };
    const watermark = { timestamp: 1477314187, appid: "wx4f4bc4dec97d474b" };
    expect(encryptOpenData(data, watermark, "HyVFkGl5F5OQWJZZaNzBBg==")).toMatchObject({
      rawData,
      signature: "75e81ceda165f4ffa64f4068af58c64b8f54b88c",
    });
  });

  it("with the person's session_key, now, in the first mini program", () => {
    const data = { phoneNumber: "13800138000" };
    const watermark = { timestamp: 1_000_000, appid: APP.appId };
    const sessionKey = simulator.sessionKeyOf("ann");
    const encrypted = simulator.encrypt("ann", data);
    expect(decrypt(encrypted, sessionKey)).toEqual({ ...data, watermark });
    expect(encrypted.rawData).toBe(JSON.stringify(data));
    const signed = createHash("sha1").update(encrypted.rawData + sessionKey);
    expect(encrypted.signature).toBe(signed.digest("hex"));
    expect(simulator.encrypt("ann", data).iv).not.toBe(encrypted.iv);
  });

  it("with another session_key, time and mini program", () => {
    const sessionKey = "tiihtNczf5v6AKRyjwEUhQ==";
    const options = { appId: OTHER.appId, timestamp: 7, sessionKey };
    const watermark = { timestamp: 7, appid: OTHER.appId };
    expect(decrypt(simulator.encrypt("ann", {}, options), sessionKey)).toEqual({ watermark });
    const otherKey = simulator.sessionKeyOf("ann", OTHER.appId);
    const encrypted = simulator.encrypt("ann", {}, { appId: OTHER.appId });
    expect(decrypt(encrypted, otherKey)).toMatchObject({ watermark: { appid: OTHER.appId } });
    expect(() => simulator.encrypt("ann", {}, { appId: "wxcccc" })).toThrow(RangeError);
  });
});

describe("/simulator/encrypted", () => {
  it("gives an example", async () => {
    const response = await fetch(`${simulator.url}/simulator/encrypted?person=ann`);
    expect(response.headers.get("content-type")).toBe("application/json; charset=UTF-8");
    const encrypted = (await response.json()) as OpenData;
    expect(Object.keys(encrypted)).toEqual(["encryptedData", "iv", "rawData", "signature"]);
    expect(decrypt(encrypted, simulator.sessionKeyOf("ann"))).toMatchObject({
      openId: expect.stringMatching(/^o[\w-]{27}$/),
      nickName: "ann",
      watermark: { timestamp: 1_000_000, appid: APP.appId },
    });
    expect(JSON.parse(encrypted.rawData)).not.toHaveProperty("openId");
  });

  it("is for a person and a mini program there is", async () => {
    const statusOf = async (query: string) =>
      (await fetch(`${simulator.url}/simulator/encrypted${query}`)).status;
    expect(await statusOf(`?person=ann&appid=${OTHER.appId}`)).toBe(200);
    expect(await statusOf("")).toBe(400);
    expect(await statusOf("?person=ann&appid=wxcccc")).toBe(400);
  });
});
