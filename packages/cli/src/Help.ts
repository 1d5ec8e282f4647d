/** What the help says besides the commands and their options. */
import type * as Commander from "commander"
import { styleText } from "node:util"
import { meanings } from "./ExitCode.js"

export const description =
  "See whether a Feishu / Lark store app's credentials, request URL and ticket work, and have a platform to develop against."

/** Some terminals say that they are 0 columns wide. */
const width = () => Math.min(process.stdout.columns || 100, 100)

const bold = (text: string) => styleText("bold", text, { validateStream: false })

/** Colours are removed later if the stream has none. */
export const output: Commander.OutputConfiguration = {
  getOutHelpWidth: width,
  getErrHelpWidth: width,
  getOutHasColors: () => true
}

export const configuration: Commander.HelpConfiguration = {
  subcommandTerm: (command) => command.name(),
  styleTitle: bold,
  styleOptionTerm: bold,
  styleSubcommandTerm: bold,
  styleArgumentTerm: bold
}

const variables = {
  FEISHU_APP_ID: "The app's id, cli_…, from the developer console.",
  FEISHU_APP_SECRET: "Its secret, from the same page; or --app-secret-file.",
  FEISHU_ENCRYPT_KEY: "As the app has it: it opens and proves the events.",
  FEISHU_VERIFICATION_TOKEN: "As the app has it: it is in each event. One of the two is needed to take events.",
  FEISHU_DOMAIN: "feishu (the default) or lark.",
  FEISHU_BASE_URL: "In place of FEISHU_DOMAIN: any other platform's URL.",
  FEISHU_ALLOW_HTTP: "true: FEISHU_BASE_URL may begin with http:// on any host, not only on this one.",
  "HTTPS_PROXY, NO_PROXY": "The proxy to the platform, and the hosts that need none.",
  FEISHU_APP_KIND: "store (the default) or self-built.",
  FEISHU_TOKENS_KEYS: "The keys of serve --tokens, separated by commas; or --tokens-key-file.",
  FEISHU_REDIS_URL: "For --store redis. FEISHU_REDIS_SENTINEL_MASTER, FEISHU_REDIS_CLUSTER: its kind."
}

const section = (command: Commander.Command, title: string, rows: Readonly<Record<string, string>>): string => {
  const helper = command.createHelp()
  helper.helpWidth = width()
  const term = Math.max(...Object.keys(rows).map((name) => name.length))
  const items = Object.entries(rows).map(([name, text]) =>
    helper.formatItem(name.padEnd(term), Math.min(term, 26), text, helper)
  )
  return `\n${[bold(`${title}:`), ...items].join("\n")}`
}

export const examples = (_: Commander.Command, lines: ReadonlyArray<string>): string =>
  `\n${[bold("Examples:"), ...lines.map((line) => `  $ feishu-ticket ${line}`)].join("\n")}`

export const afterAll = (command: Commander.Command): string =>
  [
    section(command, "Variables, from the environment or from a file that --dotenv names", variables),
    section(command, "Exit codes", Object.fromEntries(Object.entries(meanings))),
    examples(command, [
      "doctor --dotenv .env",
      "emulator --request-url http://127.0.0.1:3000/webhook/event --write-env local.env",
      "serve --dotenv local.env --events"
    ])
  ].join("\n")
