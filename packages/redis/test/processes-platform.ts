/** The platform of the tests with several processes: an emulator over sockets that knows one app. */
import { Emulator, type EmulatorError } from "@effect-feishu/emulator"
import { Context, Effect, Layer, Redacted, type Scope } from "effect"

/** The secrets of the app, as the variables of a server. */
export interface Secrets {
  readonly FEISHU_APP_SECRET: string
  readonly FEISHU_ENCRYPT_KEY: string
  readonly FEISHU_VERIFICATION_TOKEN: string
}

export const make = ({ appId, options, requestUrl, secrets, tenants }: {
  readonly appId: string
  readonly secrets: Secrets
  readonly tenants: ReadonlyArray<string>
  readonly requestUrl: string
  readonly options?: Omit<Emulator.Options, "apps"> | undefined
}): Effect.Effect<Emulator.Service, EmulatorError.ServerError | EmulatorError.OptionsError, Scope.Scope> =>
  Effect.map(
    Layer.build(Emulator.layerServer({
      ...options,
      apps: [{
        appId,
        appSecret: Redacted.make(secrets.FEISHU_APP_SECRET),
        encryptKey: Redacted.make(secrets.FEISHU_ENCRYPT_KEY),
        verificationToken: Redacted.make(secrets.FEISHU_VERIFICATION_TOKEN),
        tenants,
        requestUrl
      }]
    })),
    Context.get(Emulator.Emulator)
  )
