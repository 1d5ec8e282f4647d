/** The options of the commands that start an emulator and steer a running emulator. */
import * as FaultKinds from "./FaultKinds.js"
import * as Input from "./Input.js"
import { app as common, json, jsonLines, reveal } from "./Options.js"

export const start = {
  dotenv: common.dotenv,
  appId: Input.optional(
    Input.text("id"),
    "The app that the emulator knows. Default: FEISHU_APP_ID, or cli_emulated."
  ),
  appSecretFile: common.appSecretFile,
  port: Input.withDefault(Input.port, 4000, "The port to listen on: 0 is any free port. Default: 4000."),
  host: Input.withDefault(
    Input.text("address"),
    "127.0.0.1",
    "The address to listen on: 0.0.0.0 is every address of this machine. Default: 127.0.0.1, which other machines cannot reach."
  ),
  baseUrl: Input.optional(
    Input.url,
    "The URL by which apps reach the emulator, for example http://emulator:4000. Default: http:// with the address and the port."
  ),
  requestUrl: Input.optional(
    Input.url,
    "The app's request URL, where the emulator pushes to. The URL is saved as soon as it answers the handshake."
  ),
  tenant: Input.repeated(
    Input.text("key"),
    "A tenant that has installed the app; may be given several times. Default: tenant_1."
  ),
  answers: Input.optional(
    Input.file,
    "A file of answers to calls under /open-apis/, as JSON: [{ \"method\", \"path\", \"status\", \"body\" }]."
  ),
  state: Input.optional(
    Input.file,
    "Keep apps, secrets, request URLs, tenants and valid tickets in this file, so that the next run continues with them."
  ),
  writeEnv: Input.optional(
    Input.file,
    "Write the app's variables to this file of NAME=value lines, and keep its other lines. Secrets that the file already has are "
      + "used."
  ),
  realistic: Input.flag("Push a ticket 1 s to 2 min after it was asked for, as the platform does, not after 200 ms."),
  json: jsonLines
}

/** Which emulator. */
export const steering = {
  url: Input.optional(Input.url, "Where the emulator is. Default: FEISHU_BASE_URL, or http://127.0.0.1:4000."),
  dotenv: common.dotenv,
  json
}

export const ofApp = {
  ...steering,
  app: Input.optional(
    Input.text("id"),
    "Which app, if the emulator knows several. Default: the only app, or FEISHU_APP_ID."
  )
}

const tenant = Input.optional(Input.text("key"), "The tenant. Default: the app's first.")

const payload = (what: string) =>
  Input.optional(Input.file, `A file with the ${what} as JSON; - for standard input. Default: as in the template.`)

export const push = {
  ...ofApp,
  tenant,
  schema: Input.optional(Input.choice(["1.0", "2.0"]), "The schema of the event. Default: 2.0."),
  payload: payload("event object")
}

export const pushArgs = {
  event: Input.required(
    Input.text("event"),
    "The type of the event, for example im.message.receive_v1, which is a template; or app_ticket for a new ticket."
  )
}

export const callback = { ...ofApp, tenant, payload: payload("callback's event object") }

export const callbackArgs = {
  type: Input.required(
    Input.text("type"),
    "The type of the callback, for example card.action.trigger or url.preview.get."
  )
}

const count = Input.integer("count")
const whole = Input.integer("number")

export const faultArgs = {
  kind: Input.optional(
    Input.choice(FaultKinds.names, "kind"),
    "Of a call: drop, cut, cut-json, content-type, delay, refuse or answer. Of a push: lost, late, held, doubled, replayed, "
      + "forged or tampered. May be left out with --clear."
  )
}

export const fault = {
  ...steering,
  clear: Input.flag("Remove the faults that were set before."),
  next: Input.optional(count, "Go wrong the next so many times. Default: 1."),
  every: Input.optional(count, "Go wrong every so many times."),
  probability: Input.optional(Input.number, "Go wrong with this probability, above 0 and 1 at most."),
  seed: Input.optional(Input.text("text"), "Of --probability: the same seed gives the same sequence."),
  only: Input.repeated(
    Input.text("path|type"),
    "Only calls to this path, or only events of this type; may be given several times. Default: all."
  ),
  code: Input.optional(whole, "Of refuse: the platform's code, for example 99991400."),
  msg: Input.optional(Input.text("text"), "Of refuse: the platform's msg."),
  status: Input.optional(whole, "Of refuse and answer: the HTTP status. Default of refuse: 400."),
  resetSeconds: Input.optional(whole, "Of refuse: the header x-ogw-ratelimit-reset."),
  header: Input.repeated(Input.text("name: value"), "Of answer: a header; may be given several times."),
  body: Input.optional(
    Input.file,
    "Of answer: a file with the body; - for standard input. Default: an empty body."
  ),
  contentType: Input.optional(Input.text("text"), "Of content-type: the content type in place of application/json."),
  duration: Input.optional(Input.duration, "Of delay: how much later the answer comes."),
  by: Input.optional(Input.duration, "Of late: how much later the push is sent."),
  after: Input.optional(
    Input.duration,
    "Of doubled and replayed: the time between the first delivery and the second."
  )
}

export const answerArgs = {
  path: Input.required(
    Input.text("path"),
    "The path of the call, for example /open-apis/im/v1/messages/:message_id."
  ),
  file: Input.required(Input.file, "A file with the whole body of the answer as JSON; - for standard input.")
}

export const answer = {
  ...steering,
  method: Input.optional(Input.text("method"), "Only calls with this method. Default: any."),
  status: Input.optional(whole, "The HTTP status. Default: 200.")
}

export const clockArgs = {
  duration: Input.required(Input.duration, "How far to run the clock forward, for example 90m, 2h or 30s.")
}

export const journal = {
  url: steering.url,
  dotenv: steering.dotenv,
  app: Input.optional(Input.text("id"), "Only entries of this app. Default: of all."),
  limit: Input.optional(count, "Only so many of the newest entries. Default: 1000."),
  entry: Input.optional(Input.integer("id"), "Show this entry as a whole, with headers and bodies."),
  follow: Input.flag("Go on with each entry as it happens."),
  clear: Input.flag("Remove all entries in place of showing them."),
  json: jsonLines
}

export const tenantsArgs = {
  keys: Input.oneOrMore(Input.text("key"), "The key of a tenant that has installed the app.")
}

export const requestUrlArgs = {
  requestUrl: Input.required(Input.url, "The URL to save, if it answers the handshake within 1 s.")
}

export const invalidateArgs = {
  what: Input.required(Input.choice(["tickets", "tokens"], "what"), "tickets or tokens.")
}

export const userToken = {
  ...ofApp,
  tenant,
  life: Input.optional(Input.duration, "How long the token is valid. Default: 2h."),
  reveal: reveal("the token")
}

export type Start = Input.Values<typeof start>
export type State = Input.Values<typeof steering>
export type Reset = State
export type Steering = Omit<State, "json">
export type Enable = Input.Values<typeof ofApp>
export type OfApp = Omit<Enable, "json">
export type Push = Input.Values<typeof pushArgs & typeof push>
export type Callback = Input.Values<typeof callbackArgs & typeof callback>
export type Fault = Input.Values<typeof faultArgs & typeof fault>
export type Answer = Input.Values<typeof answerArgs & typeof answer>
export type Clock = Input.Values<typeof clockArgs & typeof steering>
export type Journal = Input.Values<typeof journal>
export type Tenants = Input.Values<typeof tenantsArgs & typeof ofApp>
export type RequestUrl = Input.Values<typeof requestUrlArgs & typeof ofApp>
export type Invalidate = Input.Values<typeof invalidateArgs & typeof ofApp>
export type UserToken = Input.Values<typeof userToken>
