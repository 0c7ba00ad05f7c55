import { chmodSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import sharp from "sharp";
import type { Env } from "../../src/config.ts";
import { startService, type TestService } from "./service.ts";

/** What the addresses of avatars begin with in these tests. */
export const BASE_URL = "http://avatars.test:8080";

/** A service that keeps avatars in a folder of its own, and what a person does there. */
export interface AvatarService extends AsyncDisposable {
  service: TestService;
  /** DATA_DIR. */
  dir: string;
  /** The names of what lies in the store. */
  stored(): string[];
  logIn(person: string): Promise<Person>;
}

export interface Person {
  token: string;
  upload(image: Uint8Array | string, headers?: Record<string, string>): Promise<Response>;
  /** The avatar in the profile. */
  avatar(): Promise<string>;
}

export async function startAvatarService(env: Env = {}): Promise<AvatarService> {
  await using opened = new AsyncDisposableStack();
  const dir = mkdtempSync(join(tmpdir(), "mini-identity-avatars-"));
  opened.defer(() => rmSync(dir, { recursive: true, force: true }));
  chmodSync(dir, 0o755);
  const service = opened.use(
    await startService({ env: { DATA_DIR: dir, AVATAR_BASE_URL: BASE_URL, ...env } }),
  );
  const logIn = async (person: string): Promise<Person> => {
    const { accessToken: token } = await service.grpc.miniLogin({ code: service.code(person) });
    const authorization = `Bearer ${token}`;
    return {
      token,
      upload: (image, headers = { "content-type": "application/octet-stream" }) =>
        fetch(`${service.gateway}/api/v1/users/me/avatar`, {
          method: "PUT",
          headers: { authorization, ...headers },
          body: typeof image === "string" ? image : new Uint8Array(image),
        }),
      avatar: async () => (await service.grpc.getProfile({}, { token })).user?.avatarUrl ?? "-",
    };
  };
  const stored = () => {
    try {
      return readdirSync(join(dir, "avatars"));
    } catch {
      return [];
    }
  };
  const owned = opened.move();
  return { service, dir, stored, logIn, [Symbol.asyncDispose]: () => owned.disposeAsync() };
}

/** The whole answer to an upload that went well. */
export async function avatarOf(response: Response): Promise<string> {
  const { avatar } = (await response.json()) as { avatar: string };
  return avatar;
}

/** Where the gateway itself serves it. */
export function pathOf(avatarUrl: string): string {
  return avatarUrl.slice(BASE_URL.length);
}

/** An image of one colour. */
export function picture(width = 40, height = 30, background = "#c03020") {
  return sharp({ create: { width, height, channels: 3, background } });
}
