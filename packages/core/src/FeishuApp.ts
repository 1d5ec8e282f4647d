/**
 * The app's id, secrets and platform.
 *
 * @since 0.1.0
 */
import type * as HttpClient from "@effect/platform/HttpClient"
import * as Config from "effect/Config"
import * as ConfigError from "effect/ConfigError"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Either from "effect/Either"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"

/**
 * The base URL of Feishu (飞书), the platform in mainland China.
 *
 * @since 0.1.0
 * @category base URLs
 */
export const feishu = "https://open.feishu.cn"

/**
 * The base URL of Lark, the platform everywhere else.
 *
 * @since 0.1.0
 * @category base URLs
 */
export const lark = "https://open.larksuite.com"

/**
 * A `store` app is installed by many tenants and needs an app ticket; a `self-built` app belongs to one tenant and
 * needs none.
 *
 * @since 0.1.0
 * @category models
 */
export type Kind = "store" | "self-built"

/**
 * @since 0.1.0
 * @category models
 */
export interface Service {
  readonly kind: Kind
  readonly appId: string
  readonly appSecret: Redacted.Redacted
  /** The platform's URL, without a slash at its end. */
  readonly baseUrl: string
  /** The developer console's "Encrypt Key". If set, the platform encrypts and signs the app's events. */
  readonly encryptKey: Option.Option<Redacted.Redacted>
  /** The developer console's "Verification Token", which is inside each event. */
  readonly verificationToken: Option.Option<Redacted.Redacted>
  /** Changes the `HttpClient` of all calls to the platform. */
  readonly transformClient?: ((client: HttpClient.HttpClient) => HttpClient.HttpClient) | undefined
}

/**
 * @since 0.1.0
 * @category tags
 */
export class FeishuApp extends Context.Tag("@effect-feishu/core/FeishuApp")<FeishuApp, Service>() {}

/**
 * @since 0.1.0
 * @category models
 */
export interface Options {
  /** The app id, `cli_…`, from the developer console's page "Credentials & Basic Info". */
  readonly appId: string
  /** The app secret, from the same page. */
  readonly appSecret: Redacted.Redacted
  /** Default: `store`. */
  readonly kind?: Kind | undefined
  /** `FeishuApp.feishu` (the default), `FeishuApp.lark`, or any https URL. For http see `allowHttp`. */
  readonly baseUrl?: string | undefined
  /**
   * Allows a `baseUrl` with http:// to any host, for example to an emulator in another container. The app secret and the
   * tokens then go through the network in clear text. Default: http is allowed to loopback addresses only.
   */
  readonly allowHttp?: boolean | undefined
  /** Leave out if the app has none. */
  readonly encryptKey?: Redacted.Redacted | undefined
  /** Leave out if the app has none. */
  readonly verificationToken?: Redacted.Redacted | undefined
  /**
   * Changes the `HttpClient` of all calls to the platform, for example to add a header or to limit the rate. It sees each
   * attempt with its secrets.
   */
  readonly transformClient?: ((client: HttpClient.HttpClient) => HttpClient.HttpClient) | undefined
}

/** Maps each option to the variable that `config` reads. */
const variables = {
  appId: "FEISHU_APP_ID",
  appSecret: "FEISHU_APP_SECRET",
  kind: "FEISHU_APP_KIND",
  baseUrl: "FEISHU_BASE_URL",
  encryptKey: "FEISHU_ENCRYPT_KEY",
  verificationToken: "FEISHU_VERIFICATION_TOKEN"
} as const

/**
 * An option is invalid. The error leaves out the value, which may be a secret.
 *
 * @since 0.1.0
 * @category errors
 */
export class FeishuAppError extends Schema.TaggedError<FeishuAppError>("@effect-feishu/core/FeishuAppError")(
  "FeishuAppError",
  {
    field: Schema.Literal("appId", "appSecret", "kind", "baseUrl", "encryptKey", "verificationToken"),
    /** The problem and how to correct the value. */
    problem: Schema.String
  }
) {
  /**
   * @since 0.1.0
   */
  override get message(): string {
    return `FeishuApp: ${this.field} ${this.problem} (in the default config: ${variables[this.field]})`
  }
}

const wrong = (field: FeishuAppError["field"], problem: string): Either.Either<never, FeishuAppError> =>
  Either.left(new FeishuAppError({ field, problem }))

const appId = (value: string): Either.Either<string, FeishuAppError> =>
  value === ""
    ? wrong("appId", "is empty: give it the id from the developer console, cli_…")
    : /[\s\p{Cc}\p{Cs}]/u.test(value)
    ? wrong("appId", "has white space or a control character in it: remove that")
    : Either.right(value)

const secret = (
  field: "appSecret" | "encryptKey" | "verificationToken",
  value: Redacted.Redacted
): Either.Either<Redacted.Redacted, FeishuAppError> => {
  const text = Redacted.value(value)
  return text === ""
    ? wrong(field, `is empty: give it its value${field === "appSecret" ? "" : ", or leave it out if the app has none"}`)
    : /^\s|\s$|[\p{Cc}\p{Cs}]/u.test(text)
    ? wrong(field, "has white space around it, or a line break or another control character in it: remove that")
    : Either.right(value)
}

const optionalSecret = (
  field: "encryptKey" | "verificationToken",
  value: Redacted.Redacted | undefined
): Either.Either<Option.Option<Redacted.Redacted>, FeishuAppError> =>
  value === undefined ? Either.right(Option.none()) : Either.map(secret(field, value), Option.some)

const isLoopback = (hostname: string): boolean =>
  hostname === "localhost" || hostname === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(hostname)

const baseUrl = (value: string, allowHttp: boolean): Either.Either<string, FeishuAppError> => {
  if (!URL.canParse(value)) return wrong("baseUrl", `is not a URL: give it in full, for example ${feishu}`)
  const url = new URL(value)
  const path = url.pathname.replace(/\/+$/, "")
  if (url.username !== "" || url.password !== "") {
    return wrong("baseUrl", "holds a user name or a password: remove them")
  }
  if (url.search !== "" || url.hash !== "") return wrong("baseUrl", "has a query or a fragment: remove it")
  if (path.endsWith("/open-apis")) return wrong("baseUrl", "ends in /open-apis: give only what comes before that")
  if (url.protocol !== "https:" && !(url.protocol === "http:" && (allowHttp || isLoopback(url.hostname)))) {
    return wrong(
      "baseUrl",
      "must begin with https:// because the app secret goes there; http:// is for loopback addresses, and for any host "
        + "with allowHttp (FEISHU_ALLOW_HTTP=true)"
    )
  }
  return Either.right(url.origin + path)
}

/**
 * Checks the options. Fails with the name of the field that cannot be right.
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = (options: Options): Effect.Effect<Service, FeishuAppError> =>
  Effect.suspend(() =>
    Either.all({
      kind: options.kind === undefined || options.kind === "store" || options.kind === "self-built"
        ? Either.right(options.kind ?? "store")
        : wrong("kind", "must be store or self-built"),
      appId: appId(options.appId),
      appSecret: secret("appSecret", options.appSecret),
      baseUrl: baseUrl(options.baseUrl ?? feishu, options.allowHttp ?? false),
      encryptKey: optionalSecret("encryptKey", options.encryptKey),
      verificationToken: optionalSecret("verificationToken", options.verificationToken),
      transformClient: Either.right(options.transformClient)
    })
  )

/**
 * @since 0.1.0
 * @category layers
 */
export const layer = (options: Options): Layer.Layer<FeishuApp, FeishuAppError> =>
  Layer.effect(FeishuApp, make(options))

/** An empty variable counts as left out, as in a `.env` file with nothing filled in. */
const optional = (name: string): Config.Config<string | undefined> =>
  Config.map(Config.withDefault(Config.string(name), ""), (value) => value === "" ? undefined : value)

const oneOf = <const A extends string>(name: string, values: ReadonlyArray<A>): Config.Config<A | undefined> =>
  Config.mapOrFail(optional(name), (value) => {
    const known = values.find((known) => known === value)
    return value !== undefined && known === undefined
      // Leaves out the value, which may be a secret in the wrong variable.
      ? Either.left(ConfigError.InvalidData([name], `must be ${values.join(" or ")}`))
      : Either.right(known)
  })

const flag = (name: string): Config.Config<boolean | undefined> =>
  Config.map(oneOf(name, ["true", "false"]), (value) => value === undefined ? undefined : value === "true")

const redacted = (value: string | undefined) => value === undefined ? undefined : Redacted.make(value)

/**
 * Reads the options from
 *
 * - `FEISHU_APP_ID`, `FEISHU_APP_SECRET`: both needed;
 * - `FEISHU_BASE_URL`, or `FEISHU_DOMAIN` (`feishu` or `lark`), not both: default Feishu;
 * - `FEISHU_ALLOW_HTTP`: `true` allows http:// to any host;
 * - `FEISHU_APP_KIND`: `store` (the default) or `self-built`;
 * - `FEISHU_ENCRYPT_KEY`, `FEISHU_VERIFICATION_TOKEN`: if the app has them.
 *
 * An empty variable counts as left out, except for the first two.
 *
 * @since 0.1.0
 * @category config
 */
export const config: Config.Config<Omit<Options, "transformClient">> = Config.all({
  // Literals, because a bundler keeps a constant whose value reads properties (`variables.appId`), also if it is not used.
  appId: Config.string("FEISHU_APP_ID"),
  // `Config.redacted` would mask the message about a missing variable, too.
  appSecret: Config.map(Config.string("FEISHU_APP_SECRET"), Redacted.make),
  kind: oneOf("FEISHU_APP_KIND", ["store", "self-built"]),
  baseUrl: Config.mapOrFail(
    Config.all({ url: optional("FEISHU_BASE_URL"), domain: oneOf("FEISHU_DOMAIN", ["feishu", "lark"]) }),
    ({ domain, url }) =>
      domain === undefined
        ? Either.right(url)
        : url === undefined
        ? Either.right(domain === "lark" ? lark : feishu)
        : Either.left(ConfigError.InvalidData(["FEISHU_DOMAIN"], "FEISHU_BASE_URL is set, too: set only one of them"))
  ),
  allowHttp: flag("FEISHU_ALLOW_HTTP"),
  encryptKey: Config.map(optional("FEISHU_ENCRYPT_KEY"), redacted),
  verificationToken: Config.map(optional("FEISHU_VERIFICATION_TOKEN"), redacted)
})

/**
 * Makes the app of the configuration.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerConfig = (
  /** Default: `config`. */
  options: Config.Config.Wrap<Omit<Options, "transformClient">> = config,
  more?: Pick<Options, "transformClient">
): Layer.Layer<FeishuApp, ConfigError.ConfigError | FeishuAppError> =>
  Layer.effect(FeishuApp, Effect.flatMap(Config.unwrap(options), (options) => make({ ...options, ...more })))
