/**
 * What can be typed: commands, options, and what `--help` says of them. What a command does is loaded when it runs.
 */
import * as CliConfig from "@effect/cli/CliConfig"
import * as Command from "@effect/cli/Command"
import * as CommandDescriptor from "@effect/cli/CommandDescriptor"
import * as Options from "@effect/cli/Options"
import type * as ValidationError from "@effect/cli/ValidationError"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as HashSet from "effect/HashSet"
import * as CommandLine from "./CommandLine.js"
import { app, duration, file, json, jsonLines, load, port, reveal } from "./CommandOptions.js"
import * as Completions from "./Completions.js"
import * as EmulatorCommands from "./EmulatorCommands.js"
import * as Failure from "./Failure.js"
import * as Help from "./Help.js"

declare const __VERSION__: string

const storeOf = (pseudoName: string, more: string) =>
  Options.text("store").pipe(
    Options.withPseudoName(pseudoName),
    Options.withDescription(
      "Where the ticket is kept: file:PATH, a folder; redis, which is FEISHU_REDIS_URL; or redis://HOST:PORT/0, without a "
        + `password, for others could see it${more}. Default: a folder of yours, the same for all commands.`
    ),
    Options.optional
  )

const store = storeOf("file:path|redis[://…]", "")

const wait = (what: string) =>
  duration("wait").pipe(
    Options.withDescription(what),
    Options.optional
  )

const resendOptions = {
  ...app,
  retryFor: duration("retry-for").pipe(
    Options.withDescription("Try again for so long, as often as it takes. Default: 5 times within 30s."),
    Options.optional
  ),
  noRetry: Options.boolean("no-retry").pipe(Options.withDescription("One attempt only.")),
  json
}

const serveOptions = {
  ...app,
  port: port(3000).pipe(Options.withDescription("0 is any free one. Default: 3000.")),
  host: Options.text("host").pipe(
    Options.withDescription("The address to listen on. Default: every address of this machine."),
    Options.optional
  ),
  path: Options.text("path").pipe(
    Options.withDescription("The path of the request URL. Default: /webhook/event."),
    Options.withDefault("/webhook/event")
  ),
  store: storeOf("file:path|redis[://…]|memory", "; memory, only while this runs"),
  events: Options.boolean("events").pipe(Options.withDescription("Show every other event, too, a line each.")),
  reveal: reveal("each ticket, and each token of a card,"),
  json: jsonLines
}

const ticketOptions = {
  ...app,
  store,
  wait: wait("Where there is none, ask the platform for one, and wait so long for it to come into the store."),
  reveal: reveal("the ticket"),
  json
}

const tokenOptions = {
  ...app,
  tenant: Options.text("tenant").pipe(
    Options.withPseudoName("key"),
    Options.withDescription("The tenant whose token it is. Default: the app's own token."),
    Options.optional
  ),
  store,
  wait: wait("Where there is no ticket, ask the platform for one, and wait so long for it to come into the store."),
  reveal: reveal("the token"),
  json
}

const doctorOptions = {
  ...app,
  requestUrl: Options.text("request-url").pipe(
    Options.withPseudoName("url"),
    Options.withDescription("The app's request URL, as saved in the developer console, to be checked, too."),
    Options.optional
  ),
  callback: Options.text("callback").pipe(
    Options.withPseudoName("type"),
    Options.withDescription(
      "Send a callback of this type to the request URL, too, for example card.action.trigger, and check the answer. The "
        + "service handles it like a user's click: choose a payload that does no harm."
    ),
    Options.optional
  ),
  payload: file("payload").pipe(
    Options.withDescription(
      "A file with the callback's event object as JSON. Default, also for the fields that the file leaves out, for "
        + "card.action.trigger: a button with the value {}; for url.preview.get: the link https://example.com/."
    ),
    Options.optional
  ),
  tenant: Options.text("tenant").pipe(
    Options.withPseudoName("key"),
    Options.withDescription("A tenant that has installed the app, to check its token, too."),
    Options.optional
  ),
  store,
  wait: wait("How long to wait for the ticket that was asked for. Default: 150s; the platform may take 120s."),
  json
}

const verifyOptions = {
  envFile: app.envFile,
  appId: app.appId,
  body: file("body").pipe(
    Options.withDescription("The body of the delivery, byte for byte as it arrived; - for standard input.")
  ),
  timestamp: Options.text("timestamp").pipe(
    Options.withDescription("Its header X-Lark-Request-Timestamp."),
    Options.optional
  ),
  nonce: Options.text("nonce").pipe(
    Options.withDescription("Its header X-Lark-Request-Nonce."),
    Options.optional
  ),
  signature: Options.text("signature").pipe(
    Options.withDescription("Its header X-Lark-Signature."),
    Options.optional
  ),
  reveal: reveal("the ticket, or the token of a card, that it holds"),
  json
}

/** What a command is loaded with. */
type Values<Config extends Command.Command.Config> = Command.Command.ParseConfig<Config>
export type Resend = Values<typeof resendOptions>
export type Serve = Values<typeof serveOptions>
export type Ticket = Values<typeof ticketOptions>
export type Token = Values<typeof tokenOptions>
export type Doctor = Values<typeof doctorOptions>
export type Verify = Values<typeof verifyOptions>

/** The commands, but for those of the emulator. */
const commands = [
  Command.make("resend", resendOptions, load(() => import("./commands/Resend.js"))).pipe(
    Command.withDescription(
      "Ask the platform to push an app ticket now, and try again while it makes sense."
    )
  ),
  Command.make("serve", serveOptions, load(() => import("./commands/Serve.js"))).pipe(
    Command.withDescription(
      "Be the app's request URL: show and keep each ticket, ask for one when there is none; health on /healthz, metrics for "
        + "Prometheus on /metrics."
    )
  ),
  Command.make("ticket", ticketOptions, load(() => import("./commands/Ticket.js"))).pipe(
    Command.withDescription(
      "Show the app ticket that is kept: how old it is, how long it lives, where it is."
    )
  ),
  Command.make("token", tokenOptions, load(() => import("./commands/Token.js"))).pipe(
    Command.withDescription(
      "Get an access token with the ticket that is kept, and show how long it lives and where it is from."
    )
  ),
  Command.make("doctor", doctorOptions, load(() => import("./commands/Doctor.js"))).pipe(
    Command.withDescription(
      "Check each link from the configuration to a tenant's token, and say what to do about one that is broken."
    )
  ),
  Command.make("verify", verifyOptions, load(() => import("./commands/Verify.js"))).pipe(
    Command.withDescription(
      "Tell whether a delivery to a request URL, an event or a callback, is genuine, and what it holds."
    )
  )
] as const

/** What follows the options in a command's help. */
const examples: Record<string, ReadonlyArray<string>> = {
  resend: ["resend", "resend --retry-for 5m --json"],
  serve: ["serve --port 3000 --path /webhook/event --events", "serve --store redis --env-file .env"],
  ticket: ["ticket", "ticket --wait 150s --reveal"],
  token: ["token", "token --tenant 736588c9260f175d --json"],
  doctor: [
    "doctor",
    "doctor --request-url https://example.com/webhook/event --tenant 736588c9260f175d",
    "doctor --request-url https://example.com/webhook/event --callback card.action.trigger --payload click.json"
  ],
  verify: [
    "verify --body delivery.json --timestamp 1502199207 --nonce 5f2d1a --signature 8a54…",
    "verify --body - < challenge.json"
  ],
  ...EmulatorCommands.examples
}

const config = CliConfig.make({ showBuiltIns: false })

const program = Command.make("feishu-ticket").pipe(
  Command.withDescription(
    "See whether a Feishu / Lark store app's credentials, request URL and ticket work, and have a platform to develop "
      + "against."
  )
)

/** Each command that is one word. */
const first = Command.withSubcommands(program, [...commands, EmulatorCommands.start])

/** All commands. Here `emulator` must be followed by one of its commands, so `first` runs it alone. */
const root = Command.withSubcommands(program, [
  ...commands,
  Command.withSubcommands(EmulatorCommands.start, EmulatorCommands.subcommands)
])

interface Described extends Help.Described {
  readonly isGroup: boolean
}

/** Made where it is needed: it takes its time, and `--version` has none. */
const describe = (): ReadonlyArray<Described> => {
  const describeOne = (
    { descriptor }: { readonly descriptor: CommandDescriptor.Command<unknown> },
    before = "",
    isGroup = false
  ) => ({
    name: before + HashSet.toValues(CommandDescriptor.getNames(descriptor)).join(),
    help: CommandDescriptor.getHelp(descriptor, config),
    isGroup
  })
  return [
    ...commands.map((command) => describeOne(command)),
    describeOne(EmulatorCommands.start),
    ...EmulatorCommands.leaves.map((command) => describeOne(command, "emulator ")),
    describeOne(EmulatorCommands.app, "emulator ", true),
    ...EmulatorCommands.appLeaves.map((command) => describeOne(command, "emulator app "))
  ]
}

/** Returns the longest name of a command that the words hold. */
const nameIn = (words: ReadonlyArray<string>): string | undefined => {
  const plain = words.filter((word) => !word.startsWith("-"))
  const start = plain.findIndex((word) => word in examples)
  const names = [3, 2, 1].map((length) => plain.slice(start, start + length).join(" "))
  return start < 0 ? undefined : names.find((name) => name in examples)
}

/** The help of the command that is named, or of all. */
const help = (named: string | undefined): string => {
  const described = describe()
  const command = described.find(({ name }) => name === named)
  /** The commands behind this command. */
  const within = (before: string) =>
    described.filter(({ name }) => name.startsWith(before) && !name.slice(before.length).includes(" "))
  return command === undefined
    ? Help.ofAll({ description: Command.getHelp(root, config), commands: within("") })
    : Help.ofCommand({ ...command, commands: within(`${command.name} `), examples: examples[command.name] ?? [] })
}

/** Says what `@effect/cli` finds wrong. */
const sentenceOf = (error: ValidationError.ValidationError, name: string): string =>
  Help.plain(error.error)
    .replace(/^Expected to find option: '(.*)'$/, `${name} needs $1`)
    .replace(/^Expected one of the following cases: (.*)$/s, `${name} takes one of $1`)
    .replace(/^Missing argument <([^>]*)>.*$/s, `${name} needs $1: feishu-ticket ${name} --help shows what it takes`)

const isFirst = (name: string | undefined): boolean => name?.includes(" ") !== true

const runTree = (name: string | undefined, args: ReadonlyArray<string>) => {
  const about = { name: "feishu-ticket", version: __VERSION__, executable: "feishu-ticket" }
  return isFirst(name) ? Command.run(first, about)(args) : Command.run(root, about)(args)
}

/** The words for `@effect/cli`, which would only print what is wrong with them. */
const check = (words: ReadonlyArray<string>) =>
  Effect.gen(function*() {
    if (words.includes("--wizard")) {
      if (process.stdin.isTTY) return words
      return yield* new Failure.UsageError({ message: "--wizard asks its questions in a terminal, and there is none" })
    }
    const known = describe().map(({ help, isGroup, name }) => ({
      name,
      options: Help.optionsOf(help).map(([option]) => option),
      args: Help.argsOf(help).map(([argument]) => argument),
      isGroup
    }))
    const { command, logLevel, name } = yield* Effect.mapError(
      CommandLine.check(words, known),
      (message) => new Failure.UsageError({ message })
    )
    yield* CommandDescriptor.parse(
      isFirst(name) ? first.descriptor : root.descriptor,
      ["feishu-ticket", ...command],
      CliConfig.defaultConfig
    ).pipe(
      Effect.mapError((error) => new Failure.UsageError({ message: sentenceOf(error, name) }))
    )
    return [...logLevel, ...command]
  })

/**
 * Runs what the arguments say. It fails after having said why.
 */
export const run = (args: ReadonlyArray<string>) => {
  const words = args.slice(2)
  // Rendered here, for `@effect/cli` gives each option seven lines, and the list of commands one line of 300 columns.
  if (words.length === 0 || words.some((word) => word === "--help" || word === "-h")) {
    return Console.log(help(nameIn(words)))
  }
  if (words.includes("--version")) return Console.log(__VERSION__)
  const json = words.includes("--json")
  const at = words.findIndex((word) => /^--completions(=|$)/.test(word))
  if (at >= 0) {
    const shell = words[at]?.split("=")[1] ?? words[at + 1]
    return Completions.make(root.descriptor, shell).pipe(
      Effect.flatMap(Console.log),
      Effect.catchAll((error) => Failure.fail(error, { json }))
    )
  }
  return check(words).pipe(
    Effect.catchAll((error) => Failure.fail(error, { json })),
    Effect.flatMap((checked) => runTree(nameIn(words), [...args.slice(0, 2), ...checked]))
  )
}
