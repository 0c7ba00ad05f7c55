export default defineAppConfig({
  pages: ["pages/login/index", "pages/profile/index", "pages/home/index"],
  darkmode: true,
  themeLocation: "theme.json",
  window: {
    navigationBarTitleText: "迷你身份",
    navigationBarBackgroundColor: "@ground",
    navigationBarTextStyle: "@navigationText",
    backgroundColor: "@ground",
    backgroundTextStyle: "@loadingText",
  } as Record<string, string>,
  // From base library 2.32.3 on, what needs consent asks for it by our own sheet.
  __usePrivacyCheck__: true,
} as Parameters<typeof defineAppConfig>[0]);
