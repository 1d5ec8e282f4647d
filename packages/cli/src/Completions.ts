/**
 * The script that completes the command in a shell: what `@effect/cli` makes of it, with what that gets wrong put right.
 */
import * as CommandDescriptor from "@effect/cli/CommandDescriptor"
import * as Effect from "effect/Effect"
import { logLevels } from "./CommandLine.js"
import { UsageError } from "./Failure.js"
import * as FaultKinds from "./FaultKinds.js"

const name = "feishu-ticket"
const shells = ["bash", "zsh", "fish"] as const
const files = "env-file|app-secret-file|body|payload|answers|state|write-env"

/** The words to choose from behind a command, which `@effect/cli` leaves out in bash. */
const words: Readonly<Record<string, ReadonlyArray<string>>> = {
  emulator__fault: FaultKinds.names,
  emulator__app__invalidate: ["tickets", "tokens"]
}

const bash = (lines: ReadonlyArray<string>): string => {
  const choices = (option: string, words: ReadonlyArray<string>) =>
    [
      `                --${option})`,
      `                    COMPREPLY=( $(compgen -W "${words.join(" ")}" -- "\${cur}") )`,
      "                    return 0",
      "                    ;;",
      ""
    ].join("\n")
  return lines.join("\n")
    // The command's own name is written in two ways, so no subcommand is ever found.
    .replace("cmd=\"feishu-ticket\"", "cmd=\"feishu__ticket\"")
    .replace(/^( +)feishu-ticket\)$/m, "$1feishu__ticket)")
    // The words before the last are looked for as if they were not yet joined, and each hyphen is lost.
    .replace(/^( +)(\w+(?:,\w+)+)\)$/gm, (_, indent: string, path: string) => {
      const parts = path.split(",")
      const last = (parts.pop() ?? "").replaceAll("__", "-")
      return `${indent}${parts.join("__")},${last})`
    })
    .replace(
      /^( +feishu__ticket__(\w+)\)\n +opts=")/gm,
      (start, _, command: string) => start + (words[command] ?? []).map((word) => `${word} `).join("")
    )
    // What can be chosen is parted by commas, which bash takes for one word.
    .replace(/(?<=compgen -W ")[\w,]+(?=")/g, (words) => words.replaceAll(",", " "))
    // Each text is taken for the name of a file.
    .replace(
      new RegExp(String.raw`^( +--(?!(?:${files})\))[\w-]+\)\n +COMPREPLY=\( )\$\(compgen -f "\$\{cur\}"\) `, "gm"),
      "$1"
    )
    // The options that all commands have offer nothing.
    .replaceAll(
      "case \"${prev}\" in\n",
      (start) => start + choices("log-level", logLevels) + choices("completions", shells)
    )
}

const zsh = (lines: ReadonlyArray<string>): string =>
  lines.join("\n")
    .replace(new RegExp(String.raw`(?<=--(?:${files})\[[^\]]*\])(?=')`, "g"), ":file:_files")
    .replaceAll("(sh bash fish zsh)", `(${shells.join(" ")})`)

const fish = (lines: ReadonlyArray<string>): string =>
  lines.join("\n")
    .replace(new RegExp(`(?<=-l (?:${files}) -r) -f`, "g"), " -F")
    .replaceAll("{sh'',", "{")

/** The script for the shell of this name. */
export const make = (
  descriptor: CommandDescriptor.Command<unknown>,
  shell: string | undefined
): Effect.Effect<string, UsageError> => {
  switch (shell) {
    case "bash":
      return Effect.map(CommandDescriptor.getBashCompletions(descriptor, name), bash)
    case "zsh":
      return Effect.map(CommandDescriptor.getZshCompletions(descriptor, name), zsh)
    case "fish":
      return Effect.map(CommandDescriptor.getFishCompletions(descriptor, name), fish)
    default:
      return new UsageError({ message: "--completions is bash, zsh or fish" })
  }
}
