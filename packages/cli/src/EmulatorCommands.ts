/**
 * The command `feishu-ticket emulator`: the options that start an emulator, and the commands that steer a running emulator.
 */
import * as Args from "@effect/cli/Args"
import * as Command from "@effect/cli/Command"
import * as HelpDoc from "@effect/cli/HelpDoc"
import * as Options from "@effect/cli/Options"
import * as Effect from "effect/Effect"
import { app as common, duration, file, json, jsonLines, load, parseDuration, port, reveal } from "./CommandOptions.js"
import * as FaultKinds from "./FaultKinds.js"

const url = (name: string) => Options.withPseudoName(Options.text(name), "url")

const startOptions = {
  envFile: common.envFile,
  appId: Options.text("app-id").pipe(
    Options.withDescription("The app that the emulator knows. Default: FEISHU_APP_ID, or cli_emulated."),
    Options.optional
  ),
  appSecretFile: common.appSecretFile,
  port: port(4000).pipe(Options.withDescription("The port to listen on: 0 is any free port. Default: 4000.")),
  host: Options.text("host").pipe(
    Options.withDescription(
      "The address to listen on: 0.0.0.0 is every address of this machine. Default: 127.0.0.1, which other machines cannot "
        + "reach."
    ),
    Options.withDefault("127.0.0.1")
  ),
  baseUrl: url("base-url").pipe(
    Options.withDescription(
      "The URL by which apps reach the emulator, for example http://emulator:4000. Default: http:// with the address and the port."
    ),
    Options.optional
  ),
  requestUrl: url("request-url").pipe(
    Options.withDescription(
      "The app's request URL, where the emulator pushes to. The URL is saved as soon as it answers the handshake."
    ),
    Options.optional
  ),
  tenant: Options.text("tenant").pipe(
    Options.withPseudoName("key"),
    Options.withDescription("A tenant that has installed the app; may be given several times. Default: tenant_1."),
    Options.repeated
  ),
  answers: file("answers").pipe(
    Options.withDescription(
      "A file of answers to calls under /open-apis/, as JSON: [{ \"method\", \"path\", \"status\", \"body\" }]."
    ),
    Options.optional
  ),
  state: file("state").pipe(
    Options.withDescription(
      "Keep apps, secrets, request URLs, tenants and valid tickets in this file, so that the next run continues with them."
    ),
    Options.optional
  ),
  writeEnv: file("write-env").pipe(
    Options.withDescription(
      "Write the app's variables to this file of NAME=value lines, and keep its other lines. Secrets that the file already has "
        + "are used."
    ),
    Options.optional
  ),
  realistic: Options.boolean("realistic").pipe(
    Options.withDescription(
      "Push a ticket 1 s to 2 min after it was asked for, as the platform does, not after 200 ms."
    )
  ),
  json: jsonLines
}

/** Which emulator. */
const steering = {
  url: url("url").pipe(
    Options.withDescription("Where the emulator is. Default: FEISHU_BASE_URL, or http://127.0.0.1:4000."),
    Options.optional
  ),
  envFile: common.envFile,
  json
}

const ofApp = {
  ...steering,
  app: Options.text("app").pipe(
    Options.withPseudoName("id"),
    Options.withDescription("Which app, if the emulator knows several. Default: the only app, or FEISHU_APP_ID."),
    Options.optional
  )
}

const tenant = Options.text("tenant").pipe(
  Options.withPseudoName("key"),
  Options.withDescription("The tenant. Default: the app's first."),
  Options.optional
)

const payload = (what: string) =>
  file("payload").pipe(
    Options.withDescription(`A file with the ${what} as JSON; - for standard input. Default: as in the template.`),
    Options.optional
  )

const pushOptions = {
  event: Args.text({ name: "EVENT" }).pipe(
    Args.withDescription(
      "The type of the event, for example im.message.receive_v1, which is a template; or app_ticket for a new ticket."
    )
  ),
  ...ofApp,
  tenant,
  schema: Options.choice("schema", ["1.0", "2.0"]).pipe(
    Options.withDescription("The schema of the event. Default: 2.0."),
    Options.optional
  ),
  payload: payload("event object")
}

const callbackOptions = {
  type: Args.text({ name: "TYPE" }).pipe(
    Args.withDescription("The type of the callback, for example card.action.trigger or url.preview.get.")
  ),
  ...ofApp,
  tenant,
  payload: payload("callback's event object")
}

const faultOptions = {
  kind: Args.choice(FaultKinds.names.map((name) => [name, name] as const), { name: "KIND" }).pipe(
    Args.withDescription(
      "Of a call: drop, cut, cut-json, content-type, delay, refuse or answer. Of a push: lost, late, held, doubled, replayed, "
        + "forged or tampered. May be left out with --clear."
    ),
    Args.optional
  ),
  ...steering,
  clear: Options.boolean("clear").pipe(
    Options.withDescription("Remove the faults that were set before.")
  ),
  next: Options.integer("next").pipe(
    Options.withPseudoName("count"),
    Options.withDescription("Go wrong the next so many times. Default: 1."),
    Options.optional
  ),
  every: Options.integer("every").pipe(
    Options.withPseudoName("count"),
    Options.withDescription("Go wrong every so many times."),
    Options.optional
  ),
  probability: Options.float("probability").pipe(
    Options.withPseudoName("number"),
    Options.withDescription("Go wrong with this probability, above 0 and 1 at most."),
    Options.optional
  ),
  seed: Options.text("seed").pipe(
    Options.withDescription("Of --probability: the same seed gives the same sequence."),
    Options.optional
  ),
  only: Options.text("only").pipe(
    Options.withPseudoName("path|type"),
    Options.withDescription(
      "Only calls to this path, or only events of this type; may be given several times. Default: all."
    ),
    Options.repeated
  ),
  code: Options.integer("code").pipe(
    Options.withPseudoName("number"),
    Options.withDescription("Of refuse: the platform's code, for example 99991400."),
    Options.optional
  ),
  msg: Options.text("msg").pipe(
    Options.withDescription("Of refuse: the platform's msg."),
    Options.optional
  ),
  status: Options.integer("status").pipe(
    Options.withPseudoName("number"),
    Options.withDescription("Of refuse and answer: the HTTP status. Default of refuse: 400."),
    Options.optional
  ),
  resetSeconds: Options.integer("reset-seconds").pipe(
    Options.withPseudoName("number"),
    Options.withDescription("Of refuse: the header x-ogw-ratelimit-reset."),
    Options.optional
  ),
  header: Options.text("header").pipe(
    Options.withPseudoName("name: value"),
    Options.withDescription("Of answer: a header; may be given several times."),
    Options.repeated
  ),
  body: file("body").pipe(
    Options.withDescription("Of answer: a file with the body; - for standard input. Default: an empty body."),
    Options.optional
  ),
  contentType: Options.text("content-type").pipe(
    Options.withDescription("Of content-type: the content type in place of application/json."),
    Options.optional
  ),
  duration: duration("duration").pipe(
    Options.withDescription("Of delay: how much later the answer comes."),
    Options.optional
  ),
  by: duration("by").pipe(
    Options.withDescription("Of late: how much later the push is sent."),
    Options.optional
  ),
  after: duration("after").pipe(
    Options.withDescription("Of doubled and replayed: the time between the first delivery and the second."),
    Options.optional
  )
}

const answerOptions = {
  path: Args.text({ name: "PATH" }).pipe(
    Args.withDescription("The path of the call, for example /open-apis/im/v1/messages/:message_id.")
  ),
  file: Args.text({ name: "FILE" }).pipe(
    Args.withDescription("A file with the whole body of the answer as JSON; - for standard input.")
  ),
  ...steering,
  method: Options.text("method").pipe(
    Options.withDescription("Only calls with this method. Default: any."),
    Options.optional
  ),
  status: Options.integer("status").pipe(
    Options.withPseudoName("number"),
    Options.withDescription("The HTTP status. Default: 200."),
    Options.optional
  )
}

const clockOptions = {
  duration: Args.text({ name: "DURATION" }).pipe(
    Args.withDescription("How far to run the clock forward, for example 90m, 2h or 30s."),
    Args.mapEffect((text) => {
      const duration = parseDuration(text)
      return duration === undefined
        ? Effect.fail(HelpDoc.p("DURATION is a number with its unit, for example 30s, 90m or 2h"))
        : Effect.succeed(duration)
    })
  ),
  ...steering
}

const journalOptions = {
  url: steering.url,
  envFile: steering.envFile,
  app: Options.text("app").pipe(
    Options.withPseudoName("id"),
    Options.withDescription("Only entries of this app. Default: of all."),
    Options.optional
  ),
  limit: Options.integer("limit").pipe(
    Options.withPseudoName("count"),
    Options.withDescription("Only so many of the newest entries. Default: 1000."),
    Options.optional
  ),
  entry: Options.integer("entry").pipe(
    Options.withPseudoName("id"),
    Options.withDescription("Show this entry as a whole, with headers and bodies."),
    Options.optional
  ),
  follow: Options.boolean("follow").pipe(
    Options.withDescription("Go on with each entry as it happens.")
  ),
  clear: Options.boolean("clear").pipe(
    Options.withDescription("Remove all entries in place of showing them.")
  ),
  json: jsonLines
}

const tenantsOptions = {
  keys: Args.text({ name: "KEY" }).pipe(
    Args.withDescription("The key of a tenant that has installed the app."),
    Args.atLeast(1)
  ),
  ...ofApp
}

const requestUrlOptions = {
  requestUrl: Args.text({ name: "URL" }).pipe(
    Args.withDescription("The URL to save, if it answers the handshake within 1 s.")
  ),
  ...ofApp
}

const invalidateOptions = {
  what: Args.choice([["tickets", "tickets"], ["tokens", "tokens"]] as const, { name: "WHAT" }).pipe(
    Args.withDescription("tickets or tokens.")
  ),
  ...ofApp
}

const userTokenOptions = {
  ...ofApp,
  tenant,
  life: duration("life").pipe(
    Options.withDescription("How long the token is valid. Default: 2h."),
    Options.optional
  ),
  reveal: reveal("the token")
}

type Values<Config extends Command.Command.Config> = Command.Command.ParseConfig<Config>
export type Start = Values<typeof startOptions>
export type Steering = Omit<Values<typeof steering>, "json">
export type OfApp = Omit<Values<typeof ofApp>, "json">
export type Push = Values<typeof pushOptions>
export type Callback = Values<typeof callbackOptions>
export type Fault = Values<typeof faultOptions>
export type Answer = Values<typeof answerOptions>
export type Clock = Values<typeof clockOptions>
export type Journal = Values<typeof journalOptions>
export type State = Values<typeof steering>
export type Reset = Values<typeof steering>
export type Enable = Values<typeof ofApp>
export type Tenants = Values<typeof tenantsOptions>
export type RequestUrl = Values<typeof requestUrlOptions>
export type Invalidate = Values<typeof invalidateOptions>
export type UserToken = Values<typeof userTokenOptions>

/** Starts the emulator. */
export const start = Command.make("emulator", startOptions, load(() => import("./commands/Emulator.js"))).pipe(
  Command.withDescription(
    "Run the platform on this machine, for an app in any language: tickets, tokens, a console for the browser, and a journal. "
      + "A further word steers an emulator that runs."
  )
)

const loadApp = () => import("./commands/emulator/App.js")

/** The commands behind `emulator app`. */
export const appLeaves = [
  Command.make("disable", ofApp, load(async () => ({ run: (await loadApp()).disable }))).pipe(
    Command.withDescription("Disable the app, as its administrator can.")
  ),
  Command.make("enable", ofApp, load(async () => ({ run: (await loadApp()).enable }))).pipe(
    Command.withDescription("Enable the app again.")
  ),
  Command.make("tenants", tenantsOptions, load(async () => ({ run: (await loadApp()).tenants }))).pipe(
    Command.withDescription("Set which tenants have installed the app.")
  ),
  Command.make("request-url", requestUrlOptions, load(async () => ({ run: (await loadApp()).requestUrl }))).pipe(
    Command.withDescription("Save the app's request URL, as the developer console does.")
  ),
  Command.make("invalidate", invalidateOptions, load(async () => ({ run: (await loadApp()).invalidate }))).pipe(
    Command.withDescription("Make all tickets, or all tokens, of the app invalid.")
  ),
  Command.make("user-token", userTokenOptions, load(async () => ({ run: (await loadApp()).userToken }))).pipe(
    Command.withDescription("Issue a user access token, as a user's login does.")
  )
] as const

/** Runs nothing by itself. */
export const app = Command.make("app").pipe(
  Command.withDescription("Change an app that the emulator knows.")
)

/** The commands behind `emulator`, but for `app`. */
export const leaves = [
  Command.make("push", pushOptions, load(() => import("./commands/emulator/Push.js"))).pipe(
    Command.withDescription("Push an event, or a new ticket, to the app, and show what came of the delivery.")
  ),
  Command.make("callback", callbackOptions, load(() => import("./commands/emulator/Callback.js"))).pipe(
    Command.withDescription("Send a callback to the app, for example a click on a card, and show the answer.")
  ),
  Command.make("fault", faultOptions, load(() => import("./commands/emulator/Fault.js"))).pipe(
    Command.withDescription("Let calls or pushes go wrong.")
  ),
  Command.make("answer", answerOptions, load(() => import("./commands/emulator/Answer.js"))).pipe(
    Command.withDescription("Set the answer to calls to a path under /open-apis/.")
  ),
  Command.make("clock", clockOptions, load(() => import("./commands/emulator/Clock.js"))).pipe(
    Command.withDescription(
      "Run the platform's clock forward: tickets and tokens expire, and pushes are sent that are due."
    )
  ),
  Command.make("journal", journalOptions, load(() => import("./commands/emulator/Journal.js"))).pipe(
    Command.withDescription("Show each call, handshake and push so far.")
  ),
  Command.make("state", steering, load(() => import("./commands/emulator/State.js"))).pipe(
    Command.withDescription("Show apps, tenants, tickets, tokens, faults and answers.")
  ),
  Command.make("reset", steering, load(() => import("./commands/emulator/Reset.js"))).pipe(
    Command.withDescription("Begin again: as after the start, without tickets, tokens, faults and journal.")
  )
] as const

export const subcommands = [...leaves, Command.withSubcommands(app, appLeaves)] as const

export const examples: Record<string, ReadonlyArray<string>> = {
  emulator: [
    "emulator",
    "emulator --request-url http://127.0.0.1:3000/webhook/event --write-env emulated.env",
    "emulator --state emulator.json --answers answers.json",
    "emulator --host 0.0.0.0 --base-url http://emulator:4000"
  ],
  "emulator push": [
    "emulator push app_ticket",
    "emulator push im.message.receive_v1 --tenant tenant_1",
    "emulator push contact.user.created_v3 --payload event.json"
  ],
  "emulator callback": ["emulator callback card.action.trigger --payload click.json"],
  "emulator fault": [
    "emulator fault refuse --code 99991400 --status 429 --reset-seconds 3 --next 2",
    "emulator fault late --by 30s --only app_ticket",
    "emulator fault --clear"
  ],
  "emulator answer": ["emulator answer /open-apis/im/v1/messages sent.json --method POST"],
  "emulator clock": ["emulator clock 2h"],
  "emulator journal": ["emulator journal --follow", "emulator journal --entry 12 --json"],
  "emulator state": ["emulator state"],
  "emulator reset": ["emulator reset"],
  "emulator app": ["emulator app disable", "emulator app tenants tenant_1 tenant_2"],
  "emulator app disable": ["emulator app disable"],
  "emulator app enable": ["emulator app enable --app cli_emulated"],
  "emulator app tenants": ["emulator app tenants tenant_1 tenant_2"],
  "emulator app request-url": ["emulator app request-url http://127.0.0.1:3000/webhook/event"],
  "emulator app invalidate": ["emulator app invalidate tickets"],
  "emulator app user-token": ["emulator app user-token --tenant tenant_1 --life 10m --reveal"]
}
