import { defineConfig } from "@tarojs/cli";

const platform = process.env.TARO_ENV ?? "h5";

/** Where the service is, when TARO_APP_IDENTITY_URL does not say; the h5 page is served by it. */
const DEFAULT_URLS: Record<string, string> = { h5: "", weapp: "http://127.0.0.1:8080" };

const identityUrl = process.env.TARO_APP_IDENTITY_URL ?? DEFAULT_URLS[platform] ?? "";

// The styles are in px as they are: what is to be read should not grow with the screen.
const postcss = { pxtransform: { enable: false } };

export default defineConfig({
  projectName: "mini-identity",
  designWidth: 375,
  deviceRatio: { 375: 2, 640: 1.17, 750: 1, 828: 0.905 },
  sourceRoot: "src",
  outputRoot: `dist/${platform}`,
  framework: "react",
  compiler: { type: "webpack5", prebundle: { enable: false } },
  cache: { enable: false },
  defineConstants: { IDENTITY_URL: JSON.stringify(identityUrl) },
  mini: { postcss },
  h5: {
    // The gateway serves it there.
    publicPath: "/demo/",
    router: { mode: "hash" },
    postcss,
    output: {
      filename: "js/[name].[contenthash:8].js",
      chunkFilename: "js/[name].[contenthash:8].js",
    },
    miniCssExtractPluginOption: {
      ignoreOrder: true,
      filename: "css/[name].[contenthash:8].css",
      chunkFilename: "css/[name].[contenthash:8].css",
    },
  },
});
