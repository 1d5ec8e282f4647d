/** The options of the commands, but for those of `emulator`. */
import * as Input from "./Input.js"

export const json = Input.flag("Print one JSON document on standard output, and nothing else there.")

export const jsonLines = Input.flag("Print JSON on standard output, a document in each line, and nothing else there.")

export const reveal = (what: string) => Input.flag(`Show ${what} in full: it is a secret.`)

/** The log levels of Effect. */
const logLevels = ["all", "trace", "debug", "info", "warning", "error", "fatal", "none"] as const

export type LogLevel = typeof logLevels[number]

/** The options that each command has besides its own. */
export const everywhere = {
  logLevel: Input.withDefault<LogLevel>(
    Input.choice(logLevels, "level"),
    "info",
    `How much of the log to show: ${logLevels.join(", ")}. Default: info.`
  )
}

/** Which app, on which platform. */
export const app = {
  dotenv: Input.optional(
    Input.file,
    "Take variables that are not in the environment from this file of NAME=value lines."
  ),
  appId: Input.optional(Input.text("id"), "In place of FEISHU_APP_ID."),
  appSecretFile: Input.optional(
    Input.file,
    "A file that holds the app secret, in place of FEISHU_APP_SECRET; - for standard input."
  ),
  baseUrl: Input.optional(
    Input.url,
    "Where the platform is, in place of FEISHU_BASE_URL: an emulator, a private deployment."
  ),
  domain: Input.optional(Input.choice(["feishu", "lark"]), "In place of FEISHU_DOMAIN. Default: feishu.")
}

const storeOf = (placeholder: string, more: string) =>
  Input.optional(
    Input.text(placeholder),
    "Where the ticket is kept: file:PATH, a folder; redis, which is FEISHU_REDIS_URL; or redis://HOST:PORT/0, without a "
      + `password, because others could see it${more}. Default: a folder of yours, the same for all commands.`
  )

const store = storeOf("file:path|redis", "")

const wait = (what: string) => Input.optional(Input.duration, what)

const tenant = (description: string) => Input.optional(Input.text("key"), description)

export const resend = {
  ...app,
  retryFor: Input.optional(Input.duration, "Try again for so long, as often as it takes. Default: 5 times within 30s."),
  once: Input.flag("Make one attempt only."),
  json
}

export const serve = {
  ...app,
  apps: Input.optional(
    Input.file,
    "A file with several apps as JSON, in place of the variables: [{ \"appId\", \"appSecret\", \"encryptKey\", "
      + "\"verificationToken\", \"kind\", \"baseUrl\" }]. - for standard input."
  ),
  port: Input.withDefault(Input.port, 3000, "The port of the request URL; 0 is any free one. Default: 3000."),
  host: Input.optional(Input.text("address"), "The address to listen on. Default: every address of this machine."),
  path: Input.withDefault(
    Input.text("path"),
    "/webhook/event",
    "The path of the request URL. Default: /webhook/event."
  ),
  store: storeOf("file:path|redis|memory", "; memory, only while this runs"),
  forwardTo: Input.optional(
    Input.url,
    "Hand each delivery on to this URL of a service, byte for byte, and answer the platform what the service answers."
  ),
  dropEvents: Input.flag(
    "Acknowledge events and callbacks that nothing handles. Default: answer 503, so that the platform pushes an event again."
  ),
  saveDeliveries: Input.optional(
    Input.text("folder"),
    "Keep the newest 1,000 events and callbacks as files in this folder, for feishu-ticket replay."
  ),
  events: Input.flag("Show every event and callback, a line each, also without --forward-to."),
  tokens: Input.flag("Give other services tokens over HTTP, at an address of its own: see TOKEN-SERVICE.md."),
  tokensPort: Input.optional(
    Input.port,
    "The port of the token service; 0 is any free one. Default: 3001."
  ),
  tokensHost: Input.optional(
    Input.text("address"),
    "The address of the token service. Default: 127.0.0.1; any other needs keys, and TLS in front."
  ),
  tokensSocket: Input.optional(Input.text("path"), "A Unix socket for the token service, in place of a port."),
  tokensKeyFile: Input.optional(
    Input.file,
    "A file with the keys of the token service, one in each line, in place of FEISHU_TOKENS_KEYS; - for standard input."
  ),
  reveal: reveal("each ticket, and each token of a card,"),
  json: jsonLines
}

export const replay = {
  dotenv: app.dotenv,
  appId: app.appId,
  to: Input.required(Input.url, "The URL of the service."),
  signAnew: Input.flag(
    "Sign the deliveries anew with FEISHU_ENCRYPT_KEY, because a service refuses a signature that is too old."
  ),
  json
}

export const replayArgs = {
  files: Input.oneOrMore(Input.file, "A file that serve --save-deliveries has written.")
}

export const ticket = {
  ...app,
  store,
  wait: wait("If there is no ticket, ask the platform for one, and wait so long for it to come into the store."),
  reveal: reveal("the ticket"),
  raw: Input.flag("Print the ticket alone, in full, for $(…)."),
  json
}

export const token = {
  ...app,
  tenant: tenant("The tenant whose token it is. Default: the app's own token."),
  store,
  wait: wait("If there is no ticket, ask the platform for one, and wait so long for it to come into the store."),
  reveal: reveal("the token"),
  raw: Input.flag("Print the token alone, in full, for $(…)."),
  json
}

export const doctor = {
  ...app,
  requestUrl: Input.optional(
    Input.url,
    "The app's request URL, as saved in the developer console, to be checked, too."
  ),
  callback: Input.optional(
    Input.text("type"),
    "Send a callback of this type to the request URL, too, for example card.action.trigger, and check the answer. The "
      + "service handles it like a user's click: choose a payload that does no harm."
  ),
  payload: Input.optional(
    Input.file,
    "A file with the callback's event object as JSON. Default, also for the fields that the file leaves out, for "
      + "card.action.trigger: a button with the value {}; for url.preview.get: the link https://example.com/."
  ),
  tenant: tenant("A tenant that has installed the app, to check its token, too."),
  store,
  wait: wait("How long to wait for the ticket that was asked for. Default: 150s; the platform may take 120s."),
  json
}

export const verify = {
  dotenv: app.dotenv,
  appId: app.appId,
  body: Input.required(
    Input.file,
    "The body of the delivery, byte for byte as it arrived; - for standard input."
  ),
  timestamp: Input.optional(Input.text("text"), "Its header X-Lark-Request-Timestamp."),
  nonce: Input.optional(Input.text("text"), "Its header X-Lark-Request-Nonce."),
  signature: Input.optional(Input.text("text"), "Its header X-Lark-Signature."),
  reveal: reveal("the ticket, or the token of a card, that it holds"),
  json
}

export const completionsArgs = {
  shell: Input.required(Input.choice(["bash", "zsh", "fish", "pwsh"], "shell"), "bash, zsh, fish or pwsh.")
}

export type Resend = Input.Values<typeof resend>
export type Serve = Input.Values<typeof serve>
export type Replay = Input.Values<typeof replayArgs & typeof replay>
export type Ticket = Input.Values<typeof ticket>
export type Token = Input.Values<typeof token>
export type Doctor = Input.Values<typeof doctor>
export type Verify = Input.Values<typeof verify>
export type Completions = Input.Values<typeof completionsArgs>
