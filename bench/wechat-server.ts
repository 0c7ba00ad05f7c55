// The simulator in a process of its own. Unlike the role `simulator` it tells how often it was
// called: the metric `wechat_calls`.
import { readEnv, toSimulatorConfig } from "../src/config.ts";
import { startWechatSimulator } from "../src/dev/wechat-simulator.ts";
import { sayReady } from "./ready.ts";

const simulator = await startWechatSimulator(toSimulatorConfig(readEnv()));
await sayReady({ http: new URL(simulator.url).host }, () => `wechat_calls ${simulator.calls}\n`);
