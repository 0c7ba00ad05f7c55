const pad = (value: number) => String(value).padStart(2, "0");

/** `11月25日 09:05`, with the year where it is another; WeChat's own runtime has no Intl to ask. */
export function toTime(iso: string, now = new Date()): string {
  const time = new Date(iso);
  return `${toDate(iso, now)} ${pad(time.getHours())}:${pad(time.getMinutes())}`;
}

/** `11月25日`, with the year where it is another. */
export function toDate(iso: string, now = new Date()): string {
  const time = new Date(iso);
  const year = time.getFullYear() === now.getFullYear() ? "" : `${time.getFullYear()}年`;
  return `${year}${time.getMonth() + 1}月${time.getDate()}日`;
}
