/** The tables of the help. */
import type { Command } from "commander"

/** Returns a table that wraps like the rest of the help. */
export const table = (command: Command, title: string, rows: Readonly<Record<string, string>>): string => {
  const helper = Object.assign(command.createHelp(), { helpWidth: command.configureOutput().getOutHelpWidth?.() ?? 80 })
  const width = Math.max(...Object.keys(rows).map((name) => name.length))
  const lines = Object.entries(rows).map(([name, text]) => helper.formatItem(name, width, text, helper))
  return `\n${title}\n${lines.join("\n")}`
}
