import { describe, expect, it } from "vitest";
import { toRedisServers } from "../../src/config-redis.ts";

const nobody = { username: undefined, password: undefined };
const node = (host: string, port = 6_379) => ({ host, port });

it.each(["redis://cache", "rediss://me:p%40ss,word@cache:6380/3", "redis://:a,b@[::1]:6379"])(
  "%s is one server",
  (url) => expect(toRedisServers(url)).toEqual({ kind: "one", url }),
);

describe("a cluster", () => {
  it("is named by some of its nodes, with or without what they have in common", () => {
    const nodes = [node("a"), node("b", 7_000), node("::1", 7_001)];
    const cluster = { kind: "cluster", nodes, user: nobody, isTls: false };
    expect(toRedisServers("redis://a,b:7000,[::1]:7001")).toEqual(cluster);
    expect(toRedisServers("redis://a,redis://b:7000,redis://[::1]:7001/")).toEqual(cluster);
  });

  it("is reached as the first node says", () => {
    const user = { username: "me", password: "p@ss,word" };
    const cluster = { kind: "cluster", nodes: [node("a"), node("b")], user, isTls: true };
    expect(toRedisServers("rediss://me:p%40ss,word@a,b")).toEqual(cluster);
    const both = "rediss://me:p%40ss,word@a,rediss://me:p%40ss,word@b";
    expect(toRedisServers(both)).toEqual(cluster);
  });
});

it("sentinels know the master of a name", () => {
  const sentinels = [node("a", 26_379), node("::1", 7_000)];
  const plain = { kind: "sentinel", sentinels, master: "main", db: 0, user: nobody };
  expect(toRedisServers("redis+sentinel://a,[::1]:7000/main")).toEqual(plain);
  const user = { username: "me", password: "p@ss,word" };
  const url = "redis+sentinel://me:p%40ss,word@a,[::1]:7000/main/2";
  expect(toRedisServers(url)).toEqual({ ...plain, user, db: 2 });
});

it.each([
  ["redis://a,", "names no host"],
  ["redis://a,,b", "names no host"],
  ["redis://a:1,b:two", "is not a redis:// or rediss:// URL"],
  ["redis://a,rediss://b", "in different ways"],
  ["redis://:one@a,redis://:two@b", "in different ways"],
  ["redis://a/1,b", "names a database"],
  ["redis://a,b/1", "names a database"],
  ["redis+sentinel://a", "is not redis+sentinel://host:port,host:port/master"],
  ["redis+sentinel:///main", "is not redis+sentinel://host:port,host:port/master"],
  ["redis+sentinel://a/main/db", "is not redis+sentinel://host:port,host:port/master"],
  ["redis+sentinel://a:x/main", "is not host:port"],
  ["redis+sentinel://a,/main", "is not host:port"],
  ["redis+sentinel://:100%secret@a/main", "user info that encodes nothing"],
])("%s is refused, and its value is not told", (value, why) => {
  expect(() => toRedisServers(value)).toThrow(why);
  expect(() => toRedisServers(value)).not.toThrow(/secret|two@/);
});
