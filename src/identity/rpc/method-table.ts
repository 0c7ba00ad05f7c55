import type {
  DescMethodUnary,
  DescService,
  MessageInitShape,
  MessageShape,
} from "@bufbuild/protobuf";
import type { Scope } from "../../config.ts";
import type { Principal } from "../authenticate.ts";
import type { Caller } from "../callers.ts";

/** What a method waits for: each has a bound of its own, so that a slow WeChat holds up no profile. */
export type Lane = "wechat" | "own";

type Handler<Method extends DescMethodUnary, Who> = (
  request: MessageShape<Method["input"]>,
  who: Who,
  signal: AbortSignal,
) => Promise<MessageInitShape<Method["output"]>>;

/** A method, and who may call it: anyone, a user with a token, or a caller with a scope. */
export type Entry<Method extends DescMethodUnary> = { lane: Lane } & (
  | { access: "anyone"; handle: Handler<Method, undefined> }
  | { access: "user"; handle: Handler<Method, Principal> }
  | { access: Scope; handle: Handler<Method, Caller> }
);

/** One entry for every method of a service; the compiler names a missing one. */
export type MethodsOf<Service extends { method: object }> = {
  readonly [Name in keyof Service["method"]]: Service["method"][Name] extends DescMethodUnary
    ? Entry<Service["method"][Name]>
    : never;
};

/** What the pipeline needs to know of an entry. */
export interface AnyEntry {
  access: "anyone" | "user" | Scope;
  lane: Lane;
  handle(request: unknown, who: unknown, signal: AbortSignal): Promise<unknown>;
}

/** The methods of every service by the service's name. What is not in it is refused. */
export type MethodTable = ReadonlyMap<string, Readonly<Record<string, AnyEntry>>>;

export function methodsOf<Service extends DescService>(
  service: Service,
  methods: MethodsOf<Service>,
): [string, Readonly<Record<string, AnyEntry>>] {
  return [service.typeName, methods as never];
}

export function findEntry(methods: MethodTable, method: DescMethodUnary): AnyEntry | undefined {
  const ofService = methods.get(method.parent.typeName);
  return ofService && Object.hasOwn(ofService, method.localName)
    ? ofService[method.localName]
    : undefined;
}
