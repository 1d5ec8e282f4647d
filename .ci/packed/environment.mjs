/** The variables of this process without those of an app, which a program under test must not see. */
export const environment = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !name.startsWith("FEISHU_"))
)
