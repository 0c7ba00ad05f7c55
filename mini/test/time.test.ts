import { expect, it } from "vitest";
import { toDate, toTime } from "../src/time";

/** Of this machine's own time zone, as on a phone. */
const at = (year: number, month: number, day: number, hour = 0, minute = 0) =>
  new Date(year, month - 1, day, hour, minute);

it("tells a time as people here write it, the year only where it is another", () => {
  const now = at(2026, 11, 25);
  expect(toTime(at(2026, 3, 5, 9, 5).toISOString(), now)).toBe("3月5日 09:05");
  expect(toTime(at(2025, 12, 31, 23, 59).toISOString(), now)).toBe("2025年12月31日 23:59");
  expect(toDate(at(2027, 1, 2).toISOString(), now)).toBe("2027年1月2日");
});
