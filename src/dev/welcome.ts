import type { Network } from "./network.ts";

const SERVED: Readonly<Record<string, string>> = {
  http: "HTTP API",
  grpc: "gRPC",
  connect: "Connect",
  ops: "operations",
};

/** What runs where, and a login to paste; it gets a fresh code each time. */
export function toWelcome(
  { parts, simulator }: Pick<Network, "parts" | "simulator">,
  addresses: Readonly<Record<string, string>>,
  hasDemo: boolean,
): string {
  const http = `http://${reachable(addresses.http ?? "")}`;
  const rows = [
    ...Object.entries(SERVED).map(([key, name]) => {
      const hint = key === "http" ? ", to read and try at /docs" : "";
      return [name, "listening", (addresses[key] ?? "-") + hint];
    }),
    ...parts.map(({ name, kind, where }) => [name, kind, where]),
  ];
  const table = rows.map(([name = "", kind = "", where]) => {
    return `  ${name.padEnd(12)}${kind.padEnd(12)}${where}`;
  });
  const code = simulator
    ? `$(curl -s '${simulator.url}/simulator/code?person=alice')`
    : "CODE OF wx.login";
  const login =
    `curl -s ${http}/api/v1/auth/mini-login -H 'content-type: application/json' ` +
    `-d "{\\"code\\":\\"${code}\\"}"`;
  const demo = hasDemo
    ? `The mini program in a browser (npm run demo builds it):\n\n  ${http}/demo/\n\n`
    : "";
  return `\nmini-identity runs.\n\n${table.join("\n")}\n\n${demo}A login:\n\n  ${login}\n\nCtrl-C ends it.\n\n`;
}

/** An address that stands for every interface, as seen from this machine. */
function reachable(address: string): string {
  return address.replace(/^0\.0\.0\.0:/, "127.0.0.1:").replace(/^\[::\]:/, "[::1]:");
}
