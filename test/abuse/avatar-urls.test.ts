import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { expect, it } from "vitest";
import { startService } from "../support/service.ts";
import { refusalOf } from "../support/wires.ts";

/** Other ways to write 127.0.0.1, or this machine. */
const LOOPBACKS = [
  "127.0.0.1",
  "127.1",
  "2130706433",
  "0x7f000001",
  "0x7f.1",
  "0177.0.0.1",
  "127.0.0.1.",
  "0",
  "0.0.0.0",
  "[::1]",
  "[::]",
  "[::ffff:127.0.0.1]",
  "[0:0:0:0:0:0:0:1]",
  "localhost",
  "LOCALHOST",
  "localhost.",
  "a.localhost",
  "localhost.localdomain",
];

/** Names and addresses that mean something only inside. */
const INSIDE = [
  "169.254.169.254",
  "10.0.0.1",
  "192.168.1.1",
  "172.16.0.1",
  "100.100.100.200",
  "[fe80::1]",
  "[fd00::1]",
  "[fd00:ec2::254]",
  "metadata",
  "metadata.google.internal",
  "ip-10-0-0-1.ec2.internal",
  "kubernetes.default.svc",
  "kubernetes.default.svc.cluster.local",
  "identity",
  "redis.service.consul",
  "printer.local",
  "router.lan",
  "nas.home.arpa",
  "wiki.corp",
  "abc.onion",
  "host.docker.internal",
];

const OTHERS = [
  "http://img.example.com/a.png",
  "ftp://img.example.com/a.png",
  "file:///etc/passwd",
  "javascript:alert(1)",
  "data:image/png;base64,AAAA",
  "//img.example.com/a.png",
  "https:/img.example.com/a.png",
  "https:img.example.com/a.png",
  "https:///img.example.com/a.png",
  "https://",
  "https://user@img.example.com/a.png",
  "https://user:pass@img.example.com/a.png",
  "https://img.example.com@127.0.0.1/a.png",
  "https://img.example.com\\@127.0.0.1/a.png",
  "https://img.example.com/a b.png",
  "https://img.example.com/a.png\r\nHost: evil",
  "\u0000https://img.example.com/a.png",
  "https://img.exa\u00admple.com/a.png",
  "https://①②⑦.⓪.⓪.①/a.png",
  "https://img.example.com:99999/a.png",
  `https://img.example.com/${"a".repeat(477)}`,
];

it("avatar URL attacks: 60 URLs are refused, and no socket is opened", async () => {
  let sockets = 0;
  const inside = createServer((socket) => {
    sockets++;
    socket.destroy();
  }).listen(0);
  await once(inside, "listening");
  const { port } = inside.address() as AddressInfo;
  await using service = await startService();
  const { accessToken: token } = await service.grpc.miniLogin({ code: service.code("alice") });
  const hosts = [...LOOPBACKS, ...INSIDE].map((host) => `https://${host}:${port}/a.png`);
  const urls = [...hosts, ...OTHERS];
  expect(urls).toHaveLength(60);
  for (const avatarUrl of urls) {
    const call = { method: "updateProfile", token, request: { avatarUrl } } as const;
    const refusal = await refusalOf(service, "grpc", call);
    expect(refusal, avatarUrl).toMatchObject({ reason: "AVATAR_INVALID", code: 3 });
  }
  expect((await service.grpc.getProfile({}, { token })).user).toMatchObject({ avatarUrl: "" });
  // One that is kept is not fetched either.
  const avatarUrl = `https://localhost.example.org:${port}/a.png`;
  await service.grpc.updateProfile({ avatarUrl }, { token });
  expect(sockets).toBe(0);
  inside.close();
});
