import type { IncomingMessage } from "node:http";
import { text } from "node:stream/consumers";
import { parseJson } from "./wechat-endpoints.ts";
import { type FaultSwitch, FaultsSchema } from "./wechat-faults.ts";
import type { WechatPlatform } from "./wechat-platform.ts";

export type Reply = (status: number, body: string, contentType?: string) => void;

/** Serves the simulator's own addresses: what a phone or a test would do. */
export async function serveControl(
  request: IncomingMessage,
  { pathname, searchParams: query }: URL,
  platform: WechatPlatform,
  faults: FaultSwitch,
  to: Reply,
): Promise<void> {
  const appId = query.get("appid") ?? undefined;
  try {
    switch (`${request.method} ${pathname}`) {
      case "GET /simulator/code":
        return to(200, platform.issueCode(toPerson(query), appId));
      case "GET /simulator/phone-code":
        return to(200, platform.issuePhoneCode(toPhone(query), appId));
      case "GET /simulator/encrypted": {
        const data = platform.encryptProfile(toPerson(query), appId);
        return to(200, JSON.stringify(data), "application/json; charset=UTF-8");
      }
      case "POST /simulator/faults": {
        const parsed = FaultsSchema.safeParse(parseJson(await text(request)));
        if (!parsed.success) return to(400, parsed.error.message);
        faults.set(parsed.data);
        return to(204, "");
      }
      case "DELETE /simulator/faults":
        faults.clear();
        return to(204, "");
      default:
        return to(404, "not found");
    }
  } catch (error) {
    if (error instanceof RangeError) return to(400, error.message);
    throw error;
  }
}

function toPerson(query: URLSearchParams): string {
  const person = query.get("person");
  if (!person || person.length > 128) throw new RangeError("person is missing or too long");
  return person;
}

function toPhone(query: URLSearchParams) {
  const [phone, country] = [query.get("phone") ?? "", query.get("country") ?? "86"];
  if (!/^\d{4,15}$/.test(phone)) throw new RangeError("phone is not 4 to 15 digits");
  if (!/^[1-9]\d{0,3}$/.test(country)) throw new RangeError("country is not 1 to 4 digits");
  return { purePhoneNumber: phone, countryCode: Number(country) };
}
