/** The parts of the help besides the commands and their options. */
import { meanings } from "./ExitCode.js"
import { variables } from "./VariableNames.js"

export const description =
  "See whether a Feishu / Lark store app's credentials, request URL and ticket work, and have a platform to develop against."

const table = (title: string, rows: Readonly<Record<string, string>>): string => {
  const width = Math.max(...Object.keys(rows).map((name) => name.length))
  return ["", title, ...Object.entries(rows).map(([name, text]) => `  ${name.padEnd(width)}  ${text}`)].join("\n")
}

export const examples = (lines: ReadonlyArray<string>): string =>
  ["", "Examples:", ...lines.map((line) => `  $ feishu-ticket ${line}`)].join("\n")

export const ofAll: string = [
  table("Variables, from the environment or from a file that --dotenv names:", variables),
  table("Exit codes:", Object.fromEntries(Object.entries(meanings))),
  examples([
    "doctor --dotenv .env",
    "emulator --request-url http://127.0.0.1:3000/webhook/event --write-env local.env",
    "serve --dotenv local.env --events --drop-events"
  ])
].join("\n")
