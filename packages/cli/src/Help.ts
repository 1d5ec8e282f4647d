/** The parts of the help besides the commands and their options. */
import type { Command } from "commander"
import { meanings } from "./ExitCode.js"
import { variables } from "./VariableNames.js"

const titled = {
  "Variables, from the environment or from a file that --dotenv names:": variables,
  "Exit codes:": meanings
}

/** Returns the tables of the variables and the exit codes, which wrap like the rest of the help. */
export const tables = (command: Command): string => {
  const helper = command.createHelp()
  helper.helpWidth = command.configureOutput().getOutHelpWidth?.() ?? 80
  return Object.entries(titled).map(([title, rows]) => {
    const width = Math.max(...Object.keys(rows).map((name) => name.length))
    const lines = Object.entries(rows).map(([name, text]) => helper.formatItem(name, width, text, helper))
    return `\n${title}\n${lines.join("\n")}`
  }).join("\n")
}

export const examples = (lines: ReadonlyArray<string>): string =>
  ["", "Examples:", ...lines.map((line) => `  $ feishu-ticket ${line}`)].join("\n")
