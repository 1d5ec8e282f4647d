/**
 * The events and callbacks that store apps use most, with the types of their payloads.
 *
 * Fields keep the platform's names. Only the fields that the platform always sends are required; `null` in any other
 * field is read as absent. Fields that are not listed here are dropped: read them from `FeishuEvent.raw`. Where a page
 * lists the values of a field, the list may grow, so the type is `string` or `number`.
 *
 * Source: the Open Platform's pages, named by title at each definition.
 *
 * @since 0.1.0
 */
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type * as FeishuPayloads from "./FeishuPayloads.js"
import * as Callbacks from "./internal/webhook/callbacks.js"

/**
 * Describes one type of event.
 *
 * @since 0.1.0
 * @category models
 */
export interface Definition<A, I = unknown> {
  readonly _tag: "Event"
  /** `FeishuEvent.type`, for example `im.message.receive_v1`. */
  readonly type: string
  /** Decodes `FeishuEvent.payload`, the `event` object of the body. */
  readonly payload: Schema.Schema<A, I>
  /** Names what the event is about: two events with the same key are one. Default: the event's id. */
  readonly key?: ((payload: A) => string) | undefined
}

/**
 * Describes one type of callback. The platform shows the answer to the user.
 *
 * @since 0.1.0
 * @category models
 */
export interface CallbackDefinition<A, I, Answer, AnswerI> {
  readonly _tag: "Callback"
  /** `FeishuEvent.type`, for example `card.action.trigger`. */
  readonly type: string
  /** Decodes `FeishuEvent.payload`, the `event` object of the body. */
  readonly payload: Schema.Schema<A, I>
  /** Encodes the answer as the JSON body of the response. */
  readonly answer: Schema.Schema<Answer, AnswerI>
}

/**
 * Describes a type of event that this module does not list.
 *
 * @example
 * ```ts
 * import { FeishuEvents } from "@effect-feishu/core"
 * import { Schema } from "effect"
 *
 * export const OrderPaid = FeishuEvents.make({
 *   type: "order_paid",
 *   payload: Schema.Struct({ order_id: Schema.String, tenant_key: Schema.String }),
 *   key: (payload) => payload.order_id
 * })
 * ```
 *
 * @since 0.1.0
 * @category constructors
 */
export const make = <A, I>(definition: Omit<Definition<A, I>, "_tag">): Definition<A, I> => ({
  _tag: "Event",
  ...definition
})

/**
 * Describes a type of callback that this module does not list.
 *
 * @since 0.1.0
 * @category constructors
 */
export const makeCallback = <A, I, Answer, AnswerI>(
  definition: Omit<CallbackDefinition<A, I, Answer, AnswerI>, "_tag">
): CallbackDefinition<A, I, Answer, AnswerI> => ({ _tag: "Callback", ...definition })

// Fields and shapes that several definitions share.

/** Hides the encoded type. Otherwise the declarations list all fields twice. */
const fromUnknown = <A, I>(schema: Schema.Schema<A, I>): Schema.Schema<A, unknown> => Schema.make(schema.ast)

/** Allows an absent field, and reads `null` as absent. */
const optional = <A, I>(schema: Schema.Schema<A, I>) => Schema.optionalWith(schema, { nullable: true })

const string = optional(Schema.String)
const number = optional(Schema.Number)
const boolean = optional(Schema.Boolean)
const strings = optional(Schema.Array(Schema.String))

/**
 * The ids of one user.
 *
 * @since 0.1.0
 * @category models
 */
export type UserIds = FeishuPayloads.UserIds

const UserIds = Schema.Struct({ open_id: string, union_id: string, user_id: string })

/**
 * A name in the languages of the platform.
 *
 * @since 0.1.0
 * @category models
 */
export type I18nName = FeishuPayloads.I18nName

const I18nName = Schema.Struct({ zh_cn: string, en_us: string, ja_jp: string })

// Messages and chats.

/**
 * @since 0.1.0
 * @category models
 */
export type Mention = FeishuPayloads.Mention

/**
 * @since 0.1.0
 * @category models
 */
export type Message = FeishuPayloads.Message

/**
 * The payload of a message.
 *
 * @since 0.1.0
 * @category models
 */
export type MessageReceived = FeishuPayloads.MessageReceived

/**
 * A user, or another bot, sent a message that the bot may read.
 *
 * The platform may push one message as two events with different ids. The page says to deduplicate by `message_id`.
 *
 * Source: "接收消息". Event type: `im.message.receive_v1`. Scope: one of `im:message.p2p_msg:readonly`,
 * `im:message.group_at_msg:readonly`, `im:message.group_at_msg.include_bot:readonly` and `im:message.group_msg`.
 *
 * @since 0.1.0
 * @category events
 */
export const MessageReceived: Definition<MessageReceived> = make({
  type: "im.message.receive_v1",
  key: (payload) => payload.message.message_id,
  payload: fromUnknown(Schema.Struct({
    sender: Schema.Struct({ sender_id: optional(UserIds), sender_type: Schema.String, tenant_key: string }),
    message: Schema.Struct({
      message_id: Schema.String,
      root_id: string,
      parent_id: string,
      create_time: Schema.String,
      update_time: string,
      chat_id: Schema.String,
      thread_id: string,
      chat_type: Schema.String,
      message_type: Schema.String,
      content: Schema.String,
      mentions: optional(Schema.Array(Schema.Struct({
        key: Schema.String,
        id: optional(UserIds),
        mentioned_type: string,
        name: string,
        tenant_key: string
      }))),
      user_agent: string
    })
  }))
})

const decodeText = Schema.decodeUnknownOption(Schema.parseJson(Schema.Struct({ text: Schema.String })))

/**
 * Returns the text of a text message, or `None` for another type of message.
 *
 * Mentions are their keys, for example `@_user_1`; `message.mentions` has the names.
 *
 * @since 0.1.0
 * @category accessors
 */
export const textOf = (message: Pick<Message, "content" | "message_type">): Option.Option<string> =>
  message.message_type === "text" ? Option.map(decodeText(message.content), ({ text }) => text) : Option.none()

/**
 * The payload when the bot joins or leaves a chat.
 *
 * @since 0.1.0
 * @category models
 */
export type BotMembership = FeishuPayloads.BotMembership

const BotMembership: Schema.Schema<BotMembership, unknown> = fromUnknown(Schema.Struct({
  chat_id: Schema.String,
  operator_id: optional(UserIds),
  external: boolean,
  operator_tenant_key: string,
  name: string,
  i18n_names: optional(I18nName)
}))

/**
 * The bot was added to a chat.
 *
 * Source: "机器人进群". Event type: `im.chat.member.bot.added_v1`. Scope: one of `im:chat.members:bot_access`,
 * `im:chat:readonly` and `im:chat`.
 *
 * @since 0.1.0
 * @category events
 */
export const BotAdded: Definition<BotMembership> = make({
  type: "im.chat.member.bot.added_v1",
  payload: BotMembership
})

/**
 * The bot was removed from a chat.
 *
 * Source: "机器人被移出群". Event type: `im.chat.member.bot.deleted_v1`. Scope: one of `im:chat.members:bot_access`,
 * `im:chat:readonly` and `im:chat`.
 *
 * @since 0.1.0
 * @category events
 */
export const BotRemoved: Definition<BotMembership> = make({
  type: "im.chat.member.bot.deleted_v1",
  payload: BotMembership
})

/**
 * The payload of a click in the bot's menu.
 *
 * @since 0.1.0
 * @category models
 */
export type BotMenuClicked = FeishuPayloads.BotMenuClicked

/**
 * A user clicked an item of the bot's menu that pushes an event.
 *
 * Source: "机器人自定义菜单事件". Event type: `application.bot.menu_v6`. Scope: none. The page lists self-built apps only.
 *
 * @since 0.1.0
 * @category events
 */
export const BotMenuClicked: Definition<BotMenuClicked> = make({
  type: "application.bot.menu_v6",
  payload: fromUnknown(Schema.Struct({
    operator: optional(Schema.Struct({ operator_name: string, operator_id: optional(UserIds) })),
    event_key: Schema.String,
    timestamp: optional(Schema.Union(Schema.Number, Schema.String))
  }))
})

// The app in a tenant.

/**
 * The payload when the app is enabled or disabled.
 *
 * @since 0.1.0
 * @category models
 */
export type AppStatusChanged = FeishuPayloads.AppStatusChanged

/**
 * The tenant enabled or disabled the app, or the platform disabled the app. Installing the app enables it, too.
 *
 * Source: "应用停启用". Event type: `app_status_change` (schema 1.0). Scope: none. Store apps only.
 *
 * @since 0.1.0
 * @category events
 */
export const AppStatusChanged: Definition<AppStatusChanged> = make({
  type: "app_status_change",
  payload: fromUnknown(Schema.Struct({
    app_id: Schema.String,
    tenant_key: Schema.String,
    status: Schema.String,
    operator: optional(UserIds)
  }))
})

/**
 * The payload when a tenant enables the app for the first time.
 *
 * @since 0.1.0
 * @category models
 */
export type AppOpened = FeishuPayloads.AppOpened

/**
 * A tenant installed and enabled the app for the first time.
 *
 * Source: "首次启用应用". Event type: `app_open` (schema 1.0). Scope: none. Store apps only.
 *
 * @since 0.1.0
 * @category events
 */
export const AppOpened: Definition<AppOpened> = make({
  type: "app_open",
  payload: fromUnknown(Schema.Struct({
    app_id: Schema.String,
    tenant_key: Schema.String,
    applicants: optional(Schema.Array(UserIds)),
    installer: optional(UserIds),
    installer_employee: optional(UserIds)
  }))
})

/**
 * The payload when a tenant uninstalls the app.
 *
 * @since 0.1.0
 * @category models
 */
export type AppUninstalled = FeishuPayloads.AppUninstalled

/**
 * A tenant uninstalled the app, or the tenant was dissolved. The app may now delete the tenant's data.
 *
 * Source: "应用卸载". Event type: `app_uninstalled` (schema 1.0). Scope: none. Store apps only.
 *
 * @since 0.1.0
 * @category events
 */
export const AppUninstalled: Definition<AppUninstalled> = make({
  type: "app_uninstalled",
  payload: fromUnknown(Schema.Struct({ app_id: Schema.String, tenant_key: Schema.String }))
})

/**
 * The payload when users join the app's availability.
 *
 * @since 0.1.0
 * @category models
 */
export type AppVisibilityAdded = FeishuPayloads.AppVisibilityAdded

/**
 * Members installed the app without an approval, or joined its availability that way.
 *
 * The page does not name changes by an administrator. `ContactScopeUpdated` is the nearest event for them.
 *
 * Source: "员工免审安装应用". Event type: `application.application.visibility.added_v6`. Scope: none. Store apps only.
 *
 * @since 0.1.0
 * @category events
 */
export const AppVisibilityAdded: Definition<AppVisibilityAdded> = make({
  type: "application.application.visibility.added_v6",
  payload: fromUnknown(Schema.Struct({
    users: optional(Schema.Array(Schema.Struct({ user_id: optional(UserIds) }))),
    source: number
  }))
})

// Users and departments.

/**
 * @since 0.1.0
 * @category models
 */
export type DepartmentName = FeishuPayloads.DepartmentName

const DepartmentName = Schema.Struct({ name: string, i18n_name: optional(I18nName) })

/**
 * A user. The platform leaves out each field that the app has no scope for.
 *
 * @since 0.1.0
 * @category models
 */
export type User = FeishuPayloads.User

/**
 * A user before a change, mostly with the fields that changed.
 *
 * @since 0.1.0
 * @category models
 */
export type OldUser = FeishuPayloads.OldUser

/** A function, because esbuild keeps an unused `Schema.Struct` that spreads shared fields. */
const userWith = <OpenId extends Schema.Struct.Field>(open_id: OpenId) =>
  Schema.Struct({
    open_id,
    union_id: string,
    user_id: string,
    name: string,
    en_name: string,
    nickname: string,
    email: string,
    enterprise_email: string,
    job_title: string,
    mobile: string,
    gender: number,
    avatar: optional(
      Schema.Struct({ avatar_72: string, avatar_240: string, avatar_640: string, avatar_origin: string })
    ),
    status: optional(Schema.Struct({
      is_frozen: boolean,
      is_resigned: boolean,
      is_activated: boolean,
      is_exited: boolean,
      is_unjoin: boolean
    })),
    department_ids: strings,
    leader_user_id: string,
    city: string,
    country: string,
    work_station: string,
    join_time: number,
    employee_no: string,
    employee_type: number,
    orders: optional(Schema.Array(Schema.Struct({
      department_id: string,
      user_order: number,
      department_order: number,
      is_primary_dept: boolean
    }))),
    custom_attrs: optional(Schema.Array(Schema.Struct({
      type: string,
      id: string,
      value: optional(Schema.Struct({
        text: string,
        url: string,
        pc_url: string,
        option_id: string,
        option_value: string,
        name: string,
        picture_url: string,
        generic_user: optional(Schema.Struct({ id: string, type: number }))
      }))
    }))),
    job_level_id: string,
    job_family_id: string,
    dotted_line_leader_user_ids: strings,
    is_frozen: boolean,
    subscription_ids: strings,
    assign_info: optional(Schema.Array(Schema.Struct({
      subscription_id: string,
      license_plan_key: string,
      product_name: string,
      i18n_name: optional(I18nName),
      start_time: string,
      end_time: string
    }))),
    department_path: optional(Schema.Array(Schema.Struct({
      department_id: string,
      department_name: optional(DepartmentName),
      department_path: optional(Schema.Struct({
        department_ids: strings,
        department_path_name: optional(DepartmentName)
      }))
    })))
  })

const User = userWith(Schema.String)

/**
 * The payload when a user joins a tenant.
 *
 * @since 0.1.0
 * @category models
 */
export type UserCreated = FeishuPayloads.UserCreated

/**
 * A user joined the tenant.
 *
 * Source: "员工入职". Event type: `contact.user.created_v3`. Scope: one of `contact:contact.base:readonly`,
 * `contact:contact:readonly_as_app` and `contact:contact:access_as_app`.
 *
 * @since 0.1.0
 * @category events
 */
export const UserCreated: Definition<UserCreated> = make({
  type: "contact.user.created_v3",
  payload: fromUnknown(Schema.Struct({ object: User }))
})

/**
 * The payload when a user changes or leaves.
 *
 * @since 0.1.0
 * @category models
 */
export type UserChanged = FeishuPayloads.UserChanged

const UserChanged: Schema.Schema<UserChanged, unknown> = fromUnknown(Schema.Struct({
  object: User,
  old_object: optional(userWith(string))
}))

/**
 * The data of a user changed. A changed mobile number or email address has an event of its own.
 *
 * Only for users whom the app's contact scope includes.
 *
 * Source: "员工信息被修改". Event type: `contact.user.updated_v3`. Scope: one of `contact:contact.base:readonly`,
 * `contact:contact:readonly_as_app` and `contact:contact:access_as_app`.
 *
 * @since 0.1.0
 * @category events
 */
export const UserUpdated: Definition<UserChanged> = make({ type: "contact.user.updated_v3", payload: UserChanged })

/**
 * A user left the tenant. `old_object` has the departments of the user.
 *
 * Source: "员工离职". Event type: `contact.user.deleted_v3`. Scope: one of `contact:contact.base:readonly`,
 * `contact:contact:readonly_as_app` and `contact:contact:access_as_app`.
 *
 * @since 0.1.0
 * @category events
 */
export const UserDeleted: Definition<UserChanged> = make({ type: "contact.user.deleted_v3", payload: UserChanged })

/**
 * A department. The platform leaves out each field that the app has no scope for.
 *
 * @since 0.1.0
 * @category models
 */
export type Department = FeishuPayloads.Department

/**
 * A department before a change.
 *
 * @since 0.1.0
 * @category models
 */
export type OldDepartment = FeishuPayloads.OldDepartment

/** A function for the same reason as `userWith`. */
const departmentWith = <OpenId extends Schema.Struct.Field>(open_department_id: OpenId) =>
  Schema.Struct({
    open_department_id,
    department_id: string,
    name: string,
    parent_department_id: string,
    leader_user_id: string,
    chat_id: string,
    order: optional(Schema.Union(Schema.Number, Schema.String)),
    status: optional(Schema.Struct({ is_deleted: boolean })),
    leaders: optional(Schema.Array(Schema.Struct({ leaderType: number, leaderID: string }))),
    department_hrbps: optional(Schema.Array(UserIds)),
    i18n_name: optional(I18nName),
    unit_ids: strings,
    member_count: number,
    primary_member_count: number,
    group_chat_employee_types: optional(Schema.Array(Schema.Number))
  })

const Department = departmentWith(Schema.String)

/**
 * The payload when a department is created.
 *
 * @since 0.1.0
 * @category models
 */
export type DepartmentCreated = FeishuPayloads.DepartmentCreated

/**
 * A department was created.
 *
 * Source: "部门新建". Event type: `contact.department.created_v3`. Scope: one of `contact:contact.base:readonly`,
 * `contact:contact:readonly_as_app` and `contact:contact:access_as_app`.
 *
 * @since 0.1.0
 * @category events
 */
export const DepartmentCreated: Definition<DepartmentCreated> = make({
  type: "contact.department.created_v3",
  payload: fromUnknown(Schema.Struct({ object: Department }))
})

/**
 * The payload when a department changes or is deleted.
 *
 * @since 0.1.0
 * @category models
 */
export type DepartmentChanged = FeishuPayloads.DepartmentChanged

const DepartmentChanged: Schema.Schema<DepartmentChanged, unknown> = fromUnknown(Schema.Struct({
  object: Department,
  old_object: optional(departmentWith(string))
}))

/**
 * The data of a department changed.
 *
 * Source: "部门信息变化". Event type: `contact.department.updated_v3`. Scope: one of `contact:contact.base:readonly`,
 * `contact:contact:readonly_as_app` and `contact:contact:access_as_app`.
 *
 * @since 0.1.0
 * @category events
 */
export const DepartmentUpdated: Definition<DepartmentChanged> = make({
  type: "contact.department.updated_v3",
  payload: DepartmentChanged
})

/**
 * A department was deleted.
 *
 * Source: "部门被删除". Event type: `contact.department.deleted_v3`. Scope: one of `contact:contact.base:readonly`,
 * `contact:contact:readonly_as_app` and `contact:contact:access_as_app`.
 *
 * @since 0.1.0
 * @category events
 */
export const DepartmentDeleted: Definition<DepartmentChanged> = make({
  type: "contact.department.deleted_v3",
  payload: DepartmentChanged
})

/**
 * A part of the contacts that the app may read.
 *
 * @since 0.1.0
 * @category models
 */
export type ContactScope = FeishuPayloads.ContactScope

const ContactScope = Schema.Struct({
  departments: optional(Schema.Array(Department)),
  users: optional(Schema.Array(User)),
  user_groups: optional(Schema.Array(Schema.Struct({
    user_group_id: string,
    name: string,
    type: number,
    member_count: number,
    status: number
  })))
})

/**
 * The payload when the app's contact scope changes.
 *
 * @since 0.1.0
 * @category models
 */
export type ContactScopeUpdated = FeishuPayloads.ContactScopeUpdated

/**
 * The part of the contacts that the app may read changed.
 *
 * Source: "通讯录权限范围变更". Event type: `contact.scope.updated_v3`. Scope: one of `contact:contact.base:readonly`,
 * `contact:contact:readonly_as_app` and `contact:contact:access_as_app`.
 *
 * @since 0.1.0
 * @category events
 */
export const ContactScopeUpdated: Definition<ContactScopeUpdated> = make({
  type: "contact.scope.updated_v3",
  payload: fromUnknown(Schema.Struct({ added: optional(ContactScope), removed: optional(ContactScope) }))
})

// Callbacks.

/**
 * The user who caused a callback.
 *
 * @since 0.1.0
 * @category models
 */
export type Operator = FeishuPayloads.Operator

const Operator = Schema.Struct({ open_id: Schema.String, union_id: string, user_id: string, tenant_key: string })

/**
 * A card that the answer holds as JSON.
 *
 * @since 0.1.0
 * @category models
 */
export type RawCard = FeishuPayloads.RawCard

/**
 * A card that was made in the platform's card builder.
 *
 * @since 0.1.0
 * @category models
 */
export type TemplateCard = FeishuPayloads.TemplateCard

const Card = Schema.Union(
  Schema.Struct({ type: Schema.Literal("raw"), data: Schema.Object }),
  Schema.Struct({
    type: Schema.Literal("template"),
    data: Schema.Struct({
      template_id: Schema.String,
      template_version_name: Schema.optional(Schema.String),
      template_variable: Schema.optional(Schema.Record({ key: Schema.String, value: Schema.Unknown }))
    })
  })
).annotations({ identifier: "Card" })

/**
 * Answers with a card that is JSON.
 *
 * @since 0.1.0
 * @category constructors
 */
export const card = (data: object): RawCard => ({ type: "raw", data })

/**
 * Answers with a card that was made in the platform's card builder.
 *
 * @since 0.1.0
 * @category constructors
 */
export const templateCard = (
  /** The id of the card in the card builder. */
  id: string,
  options?: {
    /** For example `1.0.0`. */
    readonly version?: string | undefined
    /** The values of the card's variables. */
    readonly variables?: { readonly [name: string]: unknown } | undefined
  }
): TemplateCard => ({
  type: "template",
  data: {
    template_id: id,
    ...(options?.version !== undefined && { template_version_name: options.version }),
    ...(options?.variables !== undefined && { template_variable: options.variables })
  }
})

/**
 * A short note that the client shows.
 *
 * @since 0.1.0
 * @category models
 */
export type Toast = FeishuPayloads.Toast

/**
 * Answers with a short note.
 *
 * @since 0.1.0
 * @category constructors
 */
export const toast = (
  type: "info" | "success" | "error" | "warning",
  content: string,
  /** The content in several languages, for example `zh_cn`, `en_us` and `ja_jp`. */
  i18n?: { readonly [language: string]: string }
): Toast => ({ type, content, ...(i18n !== undefined && { i18n }) })

/**
 * The toast that `EventSubscription` answers to a card action if the handler fails, takes too long, cannot decode the payload,
 * or returns an answer of a wrong shape. The log has the reason.
 *
 * @since 0.1.0
 * @category constants
 */
export const failureToast: Toast = Callbacks.failureToast

/**
 * Where the card or the link is.
 *
 * @since 0.1.0
 * @category models
 */
export type CallbackContext = FeishuPayloads.CallbackContext

/**
 * The payload of a card action.
 *
 * @since 0.1.0
 * @category models
 */
export interface CardAction extends Omit<FeishuPayloads.CardAction, "token"> {
  /**
   * Updates the card later. Valid for 30 minutes, twice at most.
   *
   * A credential, and plain in `FeishuEvent.raw` and in the undecoded `FeishuEvent.payload`: log neither of them. In a schema
   * of your own, read the token with `Schema.Redacted`, because the error of a filter prints the value that the filter refuses.
   */
  readonly token: Redacted.Redacted
}

/** Leaves the value out of the message for a value that is not a string. */
const Credential = Schema.Redacted(Schema.String.annotations({ message: () => "Expected a string" }))

/**
 * The answer to a card action. `{}` changes nothing.
 *
 * @since 0.1.0
 * @category models
 */
export type CardActionAnswer = FeishuPayloads.CardActionAnswer

/**
 * A user clicked a button of a card, sent a form, or chose an option.
 *
 * Source: "卡片回传交互回调". Callback type: `card.action.trigger`. Scope: none.
 *
 * @since 0.1.0
 * @category callbacks
 */
export const CardAction: CallbackDefinition<CardAction, unknown, CardActionAnswer, CardActionAnswer> = makeCallback({
  type: "card.action.trigger",
  payload: fromUnknown(Schema.Struct({
    operator: Operator,
    token: Credential,
    action: Schema.Struct({
      tag: Schema.String,
      value: optional(Schema.Union(Schema.String, Schema.Record({ key: Schema.String, value: Schema.Unknown }))),
      name: string,
      form_value: optional(Schema.Record({ key: Schema.String, value: Schema.Unknown })),
      input_value: string,
      option: string,
      options: strings,
      checked: boolean,
      timezone: string
    }),
    host: string,
    delivery_type: string,
    context: optional(
      Schema.Struct({ url: string, preview_token: string, open_message_id: string, open_chat_id: string })
    )
  })),
  answer: Schema.Struct({
    toast: Schema.optional(
      Schema.Struct({
        type: Schema.optional(Schema.Literal("info", "success", "error", "warning")),
        content: Schema.optional(Schema.String),
        i18n: Schema.optional(Schema.Record({ key: Schema.String, value: Schema.String }))
      }).annotations({ identifier: "Toast" })
    ),
    card: Schema.optional(Card)
  })
})

/**
 * The payload when a link needs a preview.
 *
 * @since 0.1.0
 * @category models
 */
export type LinkPreview = FeishuPayloads.LinkPreview

/**
 * The answer with a preview. `{}` leaves the link as it is.
 *
 * @since 0.1.0
 * @category models
 */
export type LinkPreviewAnswer = FeishuPayloads.LinkPreviewAnswer

/**
 * A user sees a link that matches one of the app's URL rules.
 *
 * Source: "拉取链接预览数据". Callback type: `url.preview.get`. Scope: none.
 *
 * @since 0.1.0
 * @category callbacks
 */
export const LinkPreview: CallbackDefinition<LinkPreview, unknown, LinkPreviewAnswer, LinkPreviewAnswer> = makeCallback(
  {
    type: "url.preview.get",
    payload: fromUnknown(Schema.Struct({
      operator: Operator,
      host: string,
      context: Schema.Struct({
        url: Schema.String,
        preview_token: string,
        open_message_id: string,
        open_chat_id: string
      })
    })),
    answer: Schema.Struct({
      inline: Schema.optional(
        Schema.Struct({
          title: Schema.optional(Schema.String),
          i18n_title: Schema.optional(Schema.Record({ key: Schema.String, value: Schema.String })),
          image_key: Schema.optional(Schema.String),
          url: Schema.optional(Schema.Struct({
            copy_url: Schema.optional(Schema.String),
            ios: Schema.optional(Schema.String),
            android: Schema.optional(Schema.String),
            pc: Schema.optional(Schema.String),
            web: Schema.optional(Schema.String)
          }))
        }).annotations({ identifier: "Inline" })
      ),
      card: Schema.optional(Card)
    })
  }
)
