import { readFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import vm from "node:vm";
import { createWx, type WxOptions } from "./wx.ts";

const BUILT = fileURLToPath(new URL("../../dist/weapp", import.meta.url));

/** A node of Taro's page, as its templates are handed it. */
export interface Node {
  /** What its events are sent to. */
  sid: string;
  /** Its `id`. */
  uid?: string;
  /** Of a text. */
  v?: string;
  cn?: readonly Node[];
  [property: string]: unknown;
}

/** What Taro gives WeChat's `Page`. */
interface PageDefinition {
  data: { root: Node };
  onLoad(options: object): void;
  onUnload?(): void;
  onShow?(): void;
  onHide?(): void;
  onReady?(): void;
  eh(event: object): void;
}

interface Page extends PageDefinition {
  route: string;
}

export type MiniProgramOptions = Omit<WxOptions, "navigate">;

/** The built mini program, running as on a phone of which nothing is drawn. */
export interface MiniProgram {
  /** The route of the page on top. */
  readonly route: string;
  /** All that its texts say. */
  readonly text: string;
  /** What toasts have said. */
  readonly toasts: readonly string[];
  /** Asks for consent as WeChat would; what it comes to. */
  askConsent(): Promise<string>;
  /** The node of this id on the page on top. */
  find(id: string): Node | undefined;
  /** What the tag of this id has as an attribute. */
  attribute(id: string, tag: string, name: string): unknown;
  /** Whether there is a button of this id that is not disabled. */
  isReady(id: string): boolean;
  /** An event of the node of this id, `tap` by default. */
  send(id: string, type?: string, detail?: object): void;
  close(): void;
}

export function openMiniProgram(options: MiniProgramOptions): MiniProgram {
  const pages: Page[] = [];
  const definitions = new Map<string, PageDefinition>();
  let loading = "";
  const timers = new Set<NodeJS.Timeout>();
  const setTimer = (work: () => void, ms?: number) => {
    const timer = setTimeout(() => {
      timers.delete(timer);
      work();
    }, ms);
    timers.add(timer);
    return timer;
  };

  const show = (url: string) => {
    const [path = "", query = ""] = url.replace(/^\//, "").split("?");
    const page = createPage(definition(path), path);
    pages.push(page);
    page.onLoad(Object.fromEntries(new URLSearchParams(query)));
    page.onShow?.();
    page.onReady?.();
  };
  const navigate = {
    to: (url: string) => {
      pages.at(-1)?.onHide?.();
      show(url);
    },
    back: () => {
      pages.pop()?.onUnload?.();
      pages.at(-1)?.onShow?.();
    },
    relaunch: (url: string) => {
      for (const page of pages.splice(0)) page.onUnload?.();
      show(url);
    },
  };
  const { wx, toasts, privacy } = createWx({ ...options, navigate });
  let app: { onLaunch?(options: object): void; onShow?(options: object): void } = {};
  const takeApp = (definition: typeof app) => {
    app = definition;
  };
  const takePage = (definition: PageDefinition) => void definitions.set(loading, definition);
  const ignore = (definition: object) => definition;
  const world: Record<string, unknown> = {
    wx,
    console,
    setTimeout: setTimer,
    clearTimeout: (timer: NodeJS.Timeout) => {
      timers.delete(timer);
      clearTimeout(timer);
    },
    setInterval,
    clearInterval,
    queueMicrotask,
    ArrayBuffer,
    Uint8Array,
    App: takeApp,
    Page: takePage,
    // Taro's own component is only there to draw.
    Component: ignore,
    Behavior: ignore,
    getApp: () => app,
    getCurrentPages: () => pages,
  };
  world.global = world;
  const require = createRequire(vm.createContext(world));
  const definition = (path: string): PageDefinition => {
    loading = path;
    require(resolve(BUILT, path));
    const found = definitions.get(path);
    if (!found) throw new Error(`${path} is no page`);
    return found;
  };

  require(resolve(BUILT, "app"));
  const launch = { path: "pages/login/index", query: {} };
  app.onLaunch?.(launch);
  app.onShow?.(launch);
  show(launch.path);

  const top = () => pages.at(-1) as Page;
  const all = (): Node[] => nodesOf(top().data.root);
  const find = (id: string) => all().find((node) => node.uid === id);
  const attribute = (id: string, tag: string, name: string) => find(id)?.[propertyOf(tag, name)];
  return {
    get route() {
      return top().route;
    },
    get text() {
      return all()
        .map(({ v }) => v ?? "")
        .join("\n");
    },
    toasts,
    askConsent: () => new Promise((answer) => privacy.at(-1)?.(({ event }) => answer(event))),
    find,
    attribute,
    isReady: (id) => find(id) !== undefined && !attribute(id, "button", "disabled"),
    send(id, type = "tap", detail = {}) {
      const node = find(id);
      if (!node) throw new Error(`no ${id} on ${top().route}`);
      const target = { id, dataset: { sid: node.sid } };
      top().eh({ type, target, currentTarget: target, detail, timeStamp: Date.now(), mark: {} });
    },
    close() {
      for (const timer of timers) clearTimeout(timer);
    },
  };
}

/** Which property of a node its template makes an attribute of: Taro shortens the names. */
function propertyOf(tag: string, attribute: string): string {
  const templates = readFileSync(resolve(BUILT, "base.wxml"), "utf8");
  const found = new RegExp(`<${tag} (?:[^>]* )?${attribute}="{{(?:xs\\.b\\()?i\\.(\\w+)`).exec(
    templates,
  );
  if (!found?.[1]) throw new Error(`no ${attribute} in the template of ${tag}`);
  return found[1];
}

/** CommonJS as WeChat has it: each file once, in the one world. */
function createRequire(context: vm.Context): (file: string) => unknown {
  const modules = new Map<string, { exports: unknown }>();
  const load = (path: string): unknown => {
    const file = path.endsWith(".js") ? path : `${path}.js`;
    const known = modules.get(file);
    if (known) return known.exports;
    const module = { exports: {} };
    modules.set(file, module);
    const source = `(function(module,exports,require){${readFileSync(file, "utf8")}\n})`;
    const run = vm.runInContext(source, context, { filename: file });
    run(module, module.exports, (next: string) => load(resolve(dirname(file), next)));
    return module.exports;
  };
  return load;
}

function createPage(definition: PageDefinition, route: string): Page {
  const data = structuredClone(definition.data ?? {});
  return Object.assign(Object.create(definition), {
    data,
    route,
    options: {},
    setData(change: Record<string, unknown>, done?: () => void) {
      // Bridged as JSON, so a page cannot hold on to what it has sent.
      for (const [path, value] of Object.entries(change)) set(data, path, structuredClone(value));
      done?.();
    },
    selectComponent: () => null,
    getTabBar: () => null,
  });
}

/** `root.cn.[0].v`, as Taro calls setData. */
function set(target: object, path: string, value: unknown): void {
  const keys = path.split(/[.[\]]+/).filter(Boolean);
  const last = keys.pop() ?? "";
  let at = target as Record<string, unknown>;
  for (const key of keys) {
    at[key] ??= {};
    at = at[key] as Record<string, unknown>;
  }
  at[last] = value;
}

function nodesOf(node: Node): Node[] {
  return [node, ...Object.values(node.cn ?? {}).flatMap(nodesOf)];
}
