/**
 * What `--help` shows: worth reading, and no wider than the terminal.
 */
import * as HelpDoc from "@effect/cli/HelpDoc"
import type { Span } from "@effect/cli/HelpDoc/Span"
import { stripVTControlCharacters } from "node:util"
import { meanings } from "./ExitCode.js"

type Row = readonly [name: string, text: string]

const bold = (text: string) => `\x1b[1m${text}\x1b[0m`

/** Some terminals do not say how wide they are: 0. */
const width = () => Math.min(process.stdout.columns || 100, 100)

/** In lines of at most so many characters, but for a word that is longer. */
const wrap = (text: string, columns: number): ReadonlyArray<string> => {
  const lines: Array<string> = []
  let line = ""
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > columns) {
      lines.push(line)
      line = word
    } else line += line === "" ? word : ` ${word}`
  }
  return [...lines, line]
}

/** Beside its text where the name is short and the terminal wide, and else above it. */
const table = (rows: ReadonlyArray<Row>): ReadonlyArray<string> => {
  const longest = width() < 60 ? 0 : 24
  const column = Math.max(2, ...rows.map(([name]) => name.length).filter((length) => length <= longest))
  return rows.flatMap(([name, text]) => {
    const [first = "", ...others] = wrap(text, Math.max(width() - column - 4, 1))
    const indented = others.map((line) => " ".repeat(column + 4) + line)
    return name.length > longest
      ? [`  ${bold(name)}`, " ".repeat(column + 4) + first, ...indented]
      : [`  ${bold(name)}${" ".repeat(column - name.length + 2)}${first}`, ...indented]
  })
}

const section = (title: string, lines: ReadonlyArray<string>): ReadonlyArray<string> => ["", bold(title), ...lines]

const indented = (text: string) => wrap(text, width() - 2).map((line) => `  ${line}`)

const commandLines = (commands: ReadonlyArray<string>) => commands.map((line) => `  $ feishu-ticket ${line}`)

export const plain = (doc: HelpDoc.HelpDoc): string => stripVTControlCharacters(HelpDoc.toAnsiText(doc)).trim()

const textOf = (span: Span): string => plain(HelpDoc.p(span))

const paragraphs = (doc: HelpDoc.HelpDoc): ReadonlyArray<string> => {
  switch (doc._tag) {
    case "Paragraph":
      return [textOf(doc.value)]
    case "Sequence":
      return [...paragraphs(doc.left), ...paragraphs(doc.right)]
    default:
      return []
  }
}

const descriptionOf = (doc: HelpDoc.HelpDoc): string => paragraphs(doc).join(" ")

/** What `@effect/cli` adds to each description of one's own. */
const isOwn = (text: string): boolean =>
  !/^(A user-defined piece of text|A true or false value|An integer|A floating point number|One of the following: |This (setting|option|argument) )/
    .test(text)

/** Each option, and each word behind the command, with what it takes and its description. */
const rowsOf = (doc: HelpDoc.HelpDoc): ReadonlyArray<Row> => {
  switch (doc._tag) {
    case "DescriptionList":
      return doc.definitions.map(([name, text]) => [textOf(name), paragraphs(text).filter(isOwn).join(" ")])
    case "Sequence":
      return [...rowsOf(doc.left), ...rowsOf(doc.right)]
    default:
      return []
  }
}

const isOption = ([name]: Row): boolean => name.startsWith("-")

/** Each option with what it takes, and its description. */
export const optionsOf = (doc: HelpDoc.HelpDoc): ReadonlyArray<Row> => rowsOf(doc).filter(isOption)

/** Each word that follows the command, and its description. A command of further commands has their names there. */
export const argsOf = (doc: HelpDoc.HelpDoc): ReadonlyArray<Row> => rowsOf(doc).filter(([name]) => name.startsWith("<"))

const usage = (line: string) => section("USAGE", [`  $ feishu-ticket ${line} [options]`])

/** `<KEY> 1+` is `KEY...`. */
const wordOf = (name: string): string =>
  name.replace(/^<(.*?)>(.*)$/, (_, word, rest) => rest === "" ? word : `${word}...`)

export interface Described {
  readonly name: string
  readonly help: HelpDoc.HelpDoc
}

const commandRows = (commands: ReadonlyArray<Described>) =>
  table(commands.map(({ help, name }) => [name, descriptionOf(help)]))

export const ofCommand = ({ commands, examples, help, isGroup, name }: Described & {
  readonly examples: ReadonlyArray<string>
  /** The commands that begin with the words of this one. */
  readonly commands: ReadonlyArray<Described>
  /** `true`: the command does nothing without a further word. */
  readonly isGroup: boolean
}): string => {
  const args = argsOf(help).map(([name, text]): Row => [wordOf(name), text])
  return [
    ...wrap(descriptionOf(help), width()),
    ...usage([name, ...isGroup ? ["COMMAND"] : args.map(([name]) => name)].join(" ")),
    ...(args.length > 0 ? section("ARGUMENTS", table(args)) : []),
    ...(isGroup ? [] : section("OPTIONS", table(optionsOf(help)))),
    ...(commands.length > 0 ? section("COMMANDS", commandRows(commands)) : []),
    ...section(examples.length === 1 ? "EXAMPLE" : "EXAMPLES", commandLines(examples)),
    "",
    "Variables and exit codes: feishu-ticket --help"
  ].join("\n")
}

export const ofAll = ({ commands, description }: {
  readonly description: HelpDoc.HelpDoc
  readonly commands: ReadonlyArray<Described>
}): string =>
  [
    ...wrap(descriptionOf(description), width()),
    ...usage("COMMAND"),
    ...section("COMMANDS", commandRows(commands)),
    ...section(
      "OPTIONS",
      table([
        ["-h, --help", "Show this, or what a command takes: feishu-ticket COMMAND --help."],
        ["--version", "Show the version."],
        ["--completions", "Print completions for a shell: bash, zsh or fish."],
        ["--log-level", "Of a command: how much of its log to show, for example debug or none."],
        ["--wizard", "Of a command: ask for its options one after the other."]
      ])
    ),
    ...section("VARIABLES", [
      ...indented("From the environment, or from a file named by --env-file. No secret is ever an argument."),
      ...table([
        ["FEISHU_APP_ID", "The app's id, cli_…, from the developer console."],
        ["FEISHU_APP_SECRET", "Its secret, from the same page; or --app-secret-file."],
        ["FEISHU_ENCRYPT_KEY", "As the app has it: it opens and proves the events."],
        [
          "FEISHU_VERIFICATION_TOKEN",
          "As the app has it: it is in each event. One of the two is needed to take events."
        ],
        ["FEISHU_DOMAIN", "feishu (the default) or lark."],
        ["FEISHU_BASE_URL", "In place of FEISHU_DOMAIN: any other platform's URL."],
        ["FEISHU_ALLOW_HTTP", "true: FEISHU_BASE_URL may begin with http:// on any host, not only on this one."],
        ["HTTPS_PROXY, NO_PROXY", "The proxy to the platform, and the hosts that need none."],
        ["FEISHU_APP_KIND", "store (the default) or self-built."],
        ["FEISHU_REDIS_URL", "For --store redis. FEISHU_REDIS_SENTINEL_MASTER, FEISHU_REDIS_CLUSTER: its kind."]
      ])
    ]),
    ...section("EXIT CODES", table(Object.entries(meanings))),
    ...section("EXAMPLES", [
      ...indented("Does the app work, and if not, which link of the chain is broken?"),
      ...commandLines(["doctor --env-file .env"]),
      ...indented("A platform on this machine, and an app's request URL that works with it:"),
      ...commandLines([
        "emulator --request-url http://127.0.0.1:3000/webhook/event --write-env local.env",
        "serve --env-file local.env --events"
      ]),
      ...indented("Completions, for the shell that runs:"),
      "  $ source <(feishu-ticket --completions bash)"
    ])
  ].join("\n")
