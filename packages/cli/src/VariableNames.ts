/** The variables of the environment, as the help describes them. */
export const variables = {
  FEISHU_APP_ID: "The app's id, cli_…, from the developer console.",
  FEISHU_APP_SECRET: "Its secret, from the same page; or --app-secret-file.",
  FEISHU_ENCRYPT_KEY: "Decrypts deliveries and checks their signature. Copy it from the developer console.",
  FEISHU_VERIFICATION_TOKEN: "Also from the console. To take events, the key or this token is needed.",
  FEISHU_DOMAIN: "feishu (the default) or lark.",
  FEISHU_BASE_URL: "In place of FEISHU_DOMAIN: any other platform's URL.",
  FEISHU_ALLOW_HTTP: "true: FEISHU_BASE_URL may be http:// on any host.",
  FEISHU_APP_KIND: "store (the default) or self-built.",
  FEISHU_TOKENS_KEYS: "The keys of serve --tokens; or --tokens-key-file.",
  FEISHU_REDIS_URL: "For --store redis. With Sentinel or Cluster: FEISHU_REDIS_SENTINEL_MASTER, FEISHU_REDIS_CLUSTER.",
  HTTPS_PROXY: "The proxy; HTTP_PROXY, ALL_PROXY and NO_PROXY count, too."
}
