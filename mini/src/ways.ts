import Taro from "@tarojs/taro";

const TOAST_MS = 1_200;

/** Shows it for a moment and waits for its end: a change of pages would take it away. */
export async function toast(title: string): Promise<void> {
  await Taro.showToast({ title, icon: "success", duration: TOAST_MS });
  await new Promise((resolve) => setTimeout(resolve, TOAST_MS));
}

type Page = "login" | "profile" | "home";

/** Leaves all pages behind for this one. */
export async function goTo(page: Page): Promise<void> {
  await Taro.reLaunch({ url: `/pages/${page}/index` });
}

/** Opens it over the present one. */
export async function open(page: Page): Promise<void> {
  await Taro.navigateTo({ url: `/pages/${page}/index` });
}

/** Whether there is a page before this one. */
export function canGoBack(): boolean {
  return Taro.getCurrentPages().length > 1;
}

/** To the page before, or home where there is none. */
export async function leave(): Promise<void> {
  if (canGoBack()) await Taro.navigateBack();
  else await goTo("home");
}
