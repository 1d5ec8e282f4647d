/** Events and callbacks to start from, as the pages of the Open Platform show them, with made-up ids. */
import type { Template } from "../../ControlApi.js"

type Template = typeof Template.Type

/** The time in the templates, in milliseconds since 1970. Is replaced by the time at which a template is asked for. */
export const exampleTime = 1_700_000_000_000

const tenant_key = "tenant_1"
const user = { union_id: "on_emulator", user_id: "emulator", open_id: "ou_emulator" }
const chat = {
  chat_id: "oc_emulator",
  operator_id: user,
  external: false,
  operator_tenant_key: tenant_key,
  name: "A chat",
  i18n_names: { zh_cn: "群聊", en_us: "A chat" }
}

const person = {
  ...user,
  name: "张三",
  en_name: "San Zhang",
  email: "zhangsan@example.com",
  job_title: "Engineer",
  gender: 1,
  avatar: { avatar_72: "https://example.com/72.png", avatar_origin: "https://example.com/avatar.png" },
  status: { is_frozen: false, is_resigned: false, is_activated: true, is_exited: false, is_unjoin: false },
  department_ids: ["od_emulator"],
  leader_user_id: "ou_leader",
  city: "Beijing",
  country: "CN",
  join_time: 1_700_000_000,
  employee_no: "1",
  employee_type: 1
}

const department = {
  open_department_id: "od_emulator",
  department_id: "emulator",
  name: "研发部",
  parent_department_id: "0",
  leader_user_id: "ou_leader",
  chat_id: "oc_emulator",
  order: 100,
  status: { is_deleted: false },
  leaders: [{ leaderType: 1, leaderID: "ou_leader" }]
}

const callback = (type: string, en: string, zh: string, payload: Template["payload"]): Template => ({
  type,
  kind: "callback",
  titles: { en, zh },
  payload
})

const event = (type: string, en: string, zh: string, payload: Template["payload"]): Template => ({
  type,
  kind: "event",
  titles: { en, zh },
  payload
})

/** An event of schema 1.0, whose payload gets the app and the tenant from the emulator. */
const event1 = (type: string, en: string, zh: string, payload: Template["payload"]): Template => ({
  ...event(type, en, zh, payload),
  schema: "1.0"
})

const callbacks: ReadonlyArray<Template> = [
  callback("card.action.trigger", "A button on a card is pressed", "点击卡片按钮", {
    operator: { ...user, tenant_key },
    action: { tag: "button", value: { key: "value" }, name: "Button_emulator" },
    host: "im_message",
    context: { open_message_id: "om_emulator", open_chat_id: "oc_emulator" }
  }),
  callback("url.preview.get", "A link is previewed", "拉取链接预览", {
    operator: { ...user, tenant_key },
    host: "im_message",
    context: {
      url: "https://example.com/",
      preview_token: "preview_emulator",
      open_message_id: "om_emulator",
      open_chat_id: "oc_emulator"
    }
  })
]

const messages: ReadonlyArray<Template> = [
  event("im.message.receive_v1", "A message is received", "接收消息", {
    sender: { sender_id: user, sender_type: "user", tenant_key },
    message: {
      message_id: "om_emulator",
      create_time: String(exampleTime),
      update_time: String(exampleTime),
      chat_id: "oc_emulator",
      chat_type: "p2p",
      message_type: "text",
      content: "{\"text\":\"hello\"}"
    }
  }),
  event("im.chat.member.bot.added_v1", "The bot is added to a chat", "机器人进群", chat),
  event("im.chat.member.bot.deleted_v1", "The bot is removed from a chat", "机器人被移出群", chat),
  event("application.bot.menu_v6", "An item of the bot's menu is clicked", "机器人自定义菜单", {
    operator: { operator_name: "张三", operator_id: user },
    event_key: "menu_emulator",
    timestamp: exampleTime / 1000
  })
]

const installations: ReadonlyArray<Template> = [
  event1("app_open", "A tenant enables the app for the first time", "首次启用应用", {
    applicants: [{ open_id: user.open_id }],
    installer: { open_id: user.open_id }
  }),
  event1("app_status_change", "The app is enabled or disabled", "应用停启用", {
    status: "start_by_tenant",
    operator: user
  }),
  event1("app_uninstalled", "A tenant uninstalls the app", "应用卸载", {}),
  event("application.application.visibility.added_v6", "A member installs the app", "员工免审安装应用", {
    source: 1,
    users: [{ user_id: user }]
  })
]

const contacts: ReadonlyArray<Template> = [
  event("contact.user.created_v3", "A user joins the tenant", "员工入职", { object: person }),
  event("contact.user.updated_v3", "A user changes", "员工信息被修改", {
    object: { ...person, job_title: "Senior engineer" },
    old_object: { job_title: "Engineer" }
  }),
  event("contact.user.deleted_v3", "A user leaves the tenant", "员工离职", {
    object: { ...user, name: person.name, status: { ...person.status, is_resigned: true, is_activated: false } },
    old_object: { department_ids: person.department_ids }
  }),
  event("contact.department.created_v3", "A department is created", "部门新建", { object: department }),
  event("contact.department.updated_v3", "A department changes", "部门信息变化", {
    object: { ...department, name: "研发一部" },
    old_object: { name: department.name }
  }),
  event("contact.department.deleted_v3", "A department is deleted", "部门被删除", {
    object: { ...department, status: { is_deleted: true } },
    old_object: { open_department_id: department.open_department_id, status: { is_deleted: false } }
  }),
  event("contact.scope.updated_v3", "The contacts that the app may read change", "通讯录权限范围变更", {
    added: {
      departments: [{ ...department, order: "100", member_count: 1 }],
      users: [person],
      user_groups: [{ user_group_id: "group_emulator", name: "A group", type: 1, member_count: 1, status: 1 }]
    },
    removed: {}
  })
]

export const templates: ReadonlyArray<Template> = [...callbacks, ...messages, ...installations, ...contacts]
