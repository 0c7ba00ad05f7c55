import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { expect } from "vitest";

const SCREENSHOTS = fileURLToPath(new URL("../../test-results/", import.meta.url));

/** How long a page may take for what it is expected to show: for a busy machine. */
const WAIT_MS = 30_000;

/** Nothing that the test does not ask for reaches out of the browser. */
const FLAGS = [
  "--headless",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

export function startBrowser(): Promise<Browser> {
  const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
  return chromium.launch({ executablePath, args: FLAGS });
}

const IPHONE =
  "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)";

/** Another phone, as the service tells them apart. */
export const ANDROID =
  "Mozilla/5.0 (Linux; Android 15; Pixel 9 Build/AP4A) AppleWebKit/537.36 (KHTML, like Gecko)";

/** A phone of a person's own: its own storage, and the small screen that most have. */
export interface Phone extends AsyncDisposable {
  page: Page;
  /** What went wrong in the page that nobody showed. */
  faults: string[];
  /** Opens the mini program. */
  open(): Promise<void>;
  /** Expects the page of this heading, as WeChat shows it on top. */
  at(name: "login" | "profile" | "home"): Promise<void>;
  tap(id: string): Promise<void>;
  fill(id: string, text: string): Promise<void>;
  /** Expects this text to be seen. */
  sees(text: string | RegExp): Promise<void>;
  logIn(person: string): Promise<void>;
  /** Expects the home page to be at rest, without a toast. */
  settled(): Promise<void>;
  /** `NAME-light.png` and `NAME-dark.png`. */
  photograph(name: string): Promise<void>;
}

export async function openPhone(browser: Browser, url: string, userAgent = IPHONE): Promise<Phone> {
  const context = await browser.newContext({
    viewport: { width: 375, height: 812 },
    deviceScaleFactor: 2,
    hasTouch: true,
    locale: "zh-CN",
    timezoneId: "Asia/Shanghai",
    userAgent,
  });
  context.setDefaultTimeout(WAIT_MS);
  const page = await context.newPage();
  const faults = listenForFaults(page);
  const ready = (id: string) =>
    page.locator(`#${id}:visible:is(:not([disabled]), [disabled="false"])`);
  const phone: Phone = {
    page,
    faults,
    open: async () => void (await page.goto(`${url}/demo/`)),
    at: (name) => page.waitForURL(`**/demo/#/pages/${name}/index**`),
    tap: (id) => ready(id).click(),
    fill: async (id, text) => {
      await page.locator(`#${id} input:visible`).fill(text);
    },
    sees: async (text) => {
      await page.getByText(text).filter({ visible: true }).first().waitFor();
    },
    logIn: async (person) => {
      await phone.at("login");
      await phone.fill("person", person);
      await phone.tap("login");
    },
    settled: async () => {
      await page.locator(".taro__toast").waitFor({ state: "hidden" });
      await ready("refresh").waitFor();
      await ready("logout").waitFor();
    },
    photograph: (name) => photograph(page, name),
    [Symbol.asyncDispose]: () => close(context, faults),
  };
  return phone;
}

async function photograph(page: Page, name: string): Promise<void> {
  mkdirSync(SCREENSHOTS, { recursive: true });
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    const path = `${SCREENSHOTS}${name}-${colorScheme}.png`;
    await page.screenshot({ path, animations: "disabled" });
  }
}

function listenForFaults(page: Page): string[] {
  const faults: string[] = [];
  page.on("pageerror", (error) => faults.push(String(error)));
  page.on("console", (message) => {
    if (message.type() === "error" && !/Failed to load resource/.test(message.text())) {
      faults.push(message.text());
    }
  });
  return faults;
}

async function close(context: BrowserContext, faults: string[]): Promise<void> {
  await context.close();
  expect(faults).toEqual([]);
}
