/// <reference types="@tarojs/taro" />

declare module "*.css";

/** Where the service is; config/index.ts puts it in. */
declare const IDENTITY_URL: string;
