const MAX_DEPTH = 8;

/** Whether a text is JSON (RFC 8259) that every parser reads alike: no key twice, none of them
 * `__proto__`, and no deeper than any body of ours. */
export function isStrictJson(text: string): boolean {
  try {
    JSON.parse(text);
  } catch {
    return false;
  }
  return hasPlainKeys(text);
}

/** Expects JSON. Keys by level; undefined in place of the set is an array. */
function hasPlainKeys(json: string): boolean {
  const levels: (Set<string> | undefined)[] = [];
  let previous = "";
  for (const [token] of json.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\]:]/g)) {
    if (token === "{" || token === "[") {
      if (levels.push(token === "{" ? new Set() : undefined) > MAX_DEPTH) return false;
    } else if (token === "}" || token === "]") {
      levels.pop();
    } else if (token === ":") {
      // Escapes are undone first: "\u0061" is another spelling of "a".
      const key: string = JSON.parse(previous);
      const keys = levels.at(-1);
      if (key === "__proto__" || keys?.has(key)) return false;
      keys?.add(key);
    }
    previous = token;
  }
  return true;
}
