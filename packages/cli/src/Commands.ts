/** All commands. The code of a command is loaded when the command runs. */
import * as Command from "./Command.js"
import * as EmulatorOptions from "./EmulatorOptions.js"
import * as Options from "./Options.js"

const loadApp = () => import("./commands/emulator/App.js")

const emulatorApp = Command.group("app", {
  description: "Change an app that the emulator knows.",
  examples: ["emulator app disable", "emulator app tenants tenant_1 tenant_2"],
  commands: [
    Command.make("disable", {
      description: "Disable the app, as its administrator can.",
      options: EmulatorOptions.ofApp,
      examples: ["emulator app disable"],
      load: async () => ({ run: (await loadApp()).disable })
    }),
    Command.make("enable", {
      description: "Enable the app again.",
      options: EmulatorOptions.ofApp,
      examples: ["emulator app enable --app cli_emulated"],
      load: async () => ({ run: (await loadApp()).enable })
    }),
    Command.make("tenants", {
      description: "Set which tenants have installed the app.",
      args: EmulatorOptions.tenantsArgs,
      options: EmulatorOptions.ofApp,
      examples: ["emulator app tenants tenant_1 tenant_2"],
      load: async () => ({ run: (await loadApp()).tenants })
    }),
    Command.make("request-url", {
      description: "Save the app's request URL, as the developer console does.",
      args: EmulatorOptions.requestUrlArgs,
      options: EmulatorOptions.ofApp,
      examples: ["emulator app request-url http://127.0.0.1:3000/webhook/event"],
      load: async () => ({ run: (await loadApp()).requestUrl })
    }),
    Command.make("invalidate", {
      description: "Make all tickets, or all tokens, of the app invalid.",
      args: EmulatorOptions.invalidateArgs,
      options: EmulatorOptions.ofApp,
      examples: ["emulator app invalidate tickets"],
      load: async () => ({ run: (await loadApp()).invalidate })
    }),
    Command.make("user-token", {
      description: "Issue a user access token, as a user's login does.",
      options: EmulatorOptions.userToken,
      examples: ["emulator app user-token --tenant tenant_1 --life 10m --reveal"],
      load: async () => ({ run: (await loadApp()).userToken })
    })
  ]
})

const emulator = Command.make("emulator", {
  description:
    "Run the platform on this machine, for an app in any language: tickets, tokens, a console for the browser, and a journal. "
    + "A further word steers an emulator that runs.",
  options: EmulatorOptions.start,
  isService: true,
  examples: [
    "emulator",
    "emulator --request-url http://127.0.0.1:3000/webhook/event --write-env emulated.env",
    "emulator --state emulator.json --answers answers.json",
    "emulator --host 0.0.0.0 --base-url http://emulator:4000"
  ],
  load: () => import("./commands/Emulator.js"),
  commands: [
    Command.make("push", {
      description: "Push an event, or a new ticket, to the app, and show what came of the delivery.",
      args: EmulatorOptions.pushArgs,
      options: EmulatorOptions.push,
      examples: [
        "emulator push app_ticket",
        "emulator push im.message.receive_v1 --tenant tenant_1",
        "emulator push contact.user.created_v3 --payload event.json"
      ],
      load: () => import("./commands/emulator/Push.js")
    }),
    Command.make("callback", {
      description: "Send a callback to the app, for example a click on a card, and show the answer.",
      args: EmulatorOptions.callbackArgs,
      options: EmulatorOptions.callback,
      examples: ["emulator callback card.action.trigger --payload click.json"],
      load: () => import("./commands/emulator/Callback.js")
    }),
    Command.make("fault", {
      description: "Let calls or pushes go wrong.",
      args: EmulatorOptions.faultArgs,
      options: EmulatorOptions.fault,
      examples: [
        "emulator fault refuse --code 99991400 --status 429 --reset-seconds 3 --next 2",
        "emulator fault late --by 30s --only app_ticket",
        "emulator fault --clear"
      ],
      load: () => import("./commands/emulator/Fault.js")
    }),
    Command.make("answer", {
      description: "Set the answer to calls to a path under /open-apis/.",
      args: EmulatorOptions.answerArgs,
      options: EmulatorOptions.answer,
      examples: ["emulator answer /open-apis/im/v1/messages sent.json --method POST"],
      load: () => import("./commands/emulator/Answer.js")
    }),
    Command.make("clock", {
      description: "Run the platform's clock forward: tickets and tokens expire, and pushes are sent that are due.",
      args: EmulatorOptions.clockArgs,
      options: EmulatorOptions.steering,
      examples: ["emulator clock 2h"],
      load: () => import("./commands/emulator/Clock.js")
    }),
    Command.make("journal", {
      description: "Show each call, handshake and push so far.",
      options: EmulatorOptions.journal,
      examples: ["emulator journal --follow", "emulator journal --entry 12 --json"],
      load: () => import("./commands/emulator/Journal.js")
    }),
    Command.make("state", {
      description: "Show apps, tenants, tickets, tokens, faults and answers.",
      options: EmulatorOptions.steering,
      examples: ["emulator state"],
      load: () => import("./commands/emulator/State.js")
    }),
    Command.make("reset", {
      description: "Begin again: as after the start, without tickets, tokens, faults and journal.",
      options: EmulatorOptions.steering,
      examples: ["emulator reset"],
      load: () => import("./commands/emulator/Reset.js")
    }),
    emulatorApp
  ]
})

export const commands: ReadonlyArray<Command.Command> = [
  Command.make("resend", {
    description: "Ask the platform to push an app ticket now, and try again while it makes sense.",
    options: Options.resend,
    examples: ["resend", "resend --retry-for 5m --json"],
    load: () => import("./commands/Resend.js")
  }),
  Command.make("serve", {
    description:
      "Be the app's request URL: keep each ticket, ask for one when there is none, hand events on to a service, and give other "
      + "services tokens. Health on /healthz, metrics for Prometheus on /metrics.",
    options: Options.serve,
    isService: true,
    outlivesReader: true,
    examples: [
      "serve --dotenv .env --forward-to http://localhost:8080/webhook/event --save-deliveries deliveries",
      "serve --dotenv .env --drop-events --events",
      "serve --dotenv .env --store redis --tokens --drop-events"
    ],
    load: () => import("./commands/Serve.js")
  }),
  Command.make("replay", {
    description: "Send deliveries that serve has saved to a service again, in the order of the files.",
    args: Options.replayArgs,
    options: Options.replay,
    examples: ["replay deliveries/*.json --dotenv .env --to http://localhost:8080/webhook/event --sign-anew"],
    load: () => import("./commands/Replay.js")
  }),
  Command.make("ticket", {
    description: "Show the app ticket that is kept: how old it is, how long it lives, where it is.",
    options: Options.ticket,
    examples: ["ticket", "ticket --wait 150s --reveal"],
    load: () => import("./commands/Ticket.js")
  }),
  Command.make("token", {
    description: "Get an access token with the ticket that is kept, and show how long it lives and where it is from.",
    options: Options.token,
    examples: ["token", "token --tenant 736588c9260f175d --json", "token --tenant 736588c9260f175d --raw"],
    load: () => import("./commands/Token.js")
  }),
  Command.make("doctor", {
    description:
      "Check each link from the configuration to a tenant's token, and say what to do about one that is broken.",
    options: Options.doctor,
    examples: [
      "doctor",
      "doctor --request-url https://example.com/webhook/event --tenant 736588c9260f175d",
      "doctor --request-url https://example.com/webhook/event --callback card.action.trigger --payload click.json"
    ],
    load: () => import("./commands/Doctor.js")
  }),
  Command.make("verify", {
    description: "Tell whether a delivery to a request URL, an event or a callback, is genuine, and what it holds.",
    options: Options.verify,
    examples: [
      "verify --body delivery.json --timestamp 1502199207 --nonce 5f2d1a --signature 8a54…",
      "verify --body - < challenge.json"
    ],
    load: () => import("./commands/Verify.js")
  }),
  emulator,
  Command.make("completions", {
    description: "Print the script that completes this command in a shell.",
    args: Options.completionsArgs,
    examples: ["completions bash > ~/.local/share/bash-completion/completions/feishu-ticket"],
    load: () => import("./commands/Completions.js")
  })
]

/** The command itself, with all commands behind it. */
export const feishuTicket = Command.group("feishu-ticket", {
  description:
    "See whether a Feishu / Lark store app's credentials, request URL and ticket work, and have a platform to develop against.",
  examples: [
    "doctor --dotenv .env",
    "emulator --request-url http://127.0.0.1:3000/webhook/event --write-env local.env",
    "serve --dotenv local.env --events --drop-events"
  ],
  commands
})
