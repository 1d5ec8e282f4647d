/** The example bodies on the Open Platform's pages, without the comments of the pages. */

/** Page "接收消息". */
export const messageReceived = {
  schema: "2.0",
  header: {
    event_id: "5e3702a84e847582be8db7fb73283c02",
    event_type: "im.message.receive_v1",
    create_time: "1608725989000",
    token: "rvaYgkND1GOiu5MM0E1rncYC6PLtF7JV",
    app_id: "cli_9f5343c580712544",
    tenant_key: "2ca1d211f64f6438"
  },
  event: {
    sender: {
      sender_id: {
        union_id: "on_8ed6aa67826108097d9ee143816345",
        user_id: "e33ggbyz",
        open_id: "ou_84aad35d084aa403a838cf73ee18467"
      },
      sender_type: "user",
      tenant_key: "736588c9260f175e"
    },
    message: {
      message_id: "om_5ce6d572455d361153b7cb51da133945",
      root_id: "om_5ce6d572455d361153b7cb5xxfsdfsdfdsf",
      parent_id: "om_5ce6d572455d361153b7cb5xxfsdfsdfdsf",
      create_time: "1609073151345",
      update_time: "1687343654666",
      chat_id: "oc_5ce6d572455d361153b7xx51da133945",
      thread_id: "omt_d4be107c616",
      chat_type: "group",
      message_type: "text",
      content: "{\"text\":\"@_user_1 hello\"}",
      mentions: [{
        key: "@_user_1",
        id: {
          union_id: "on_8ed6aa67826108097d9ee143816345",
          user_id: "e33ggbyz",
          open_id: "ou_84aad35d084aa403a838cf73ee18467"
        },
        mentioned_type: "user",
        name: "Tom",
        tenant_key: "736588c9260f175e"
      }],
      user_agent:
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 13_2_1) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/101.0.4951.53 Safari/537.36 Lark/6.7.5 LarkLocale/en_US ttnet SDK-Version/6.7.8"
    }
  }
}

/** Page "机器人进群". */
export const botAdded = {
  schema: "2.0",
  header: {
    event_id: "5e3702a84e847582be8db7fb73283c02",
    event_type: "im.chat.member.bot.added_v1",
    create_time: "1608725989000",
    token: "rvaYgkND1GOiu5MM0E1rncYC6PLtF7JV",
    app_id: "cli_9f5343c580712544",
    tenant_key: "2ca1d211f64f6438"
  },
  event: {
    chat_id: "oc_413871888e0d5492e25b173f0812efb7",
    operator_id: {
      union_id: "on_8ed6aa67826108097d9ee143816345",
      user_id: "e33ggbyz",
      open_id: "ou_84aad35d084aa403a838cf73ee18467"
    },
    external: false,
    operator_tenant_key: "72ud6639",
    name: "群名称测试",
    i18n_names: {
      zh_cn: "群聊",
      en_us: "group chat",
      ja_jp: "グループチャット"
    }
  }
}

/** Page "机器人被移出群". */
export const botRemoved = {
  schema: "2.0",
  header: {
    event_id: "5e3702a84e847582be8db7fb73283c02",
    event_type: "im.chat.member.bot.deleted_v1",
    create_time: "1608725989000",
    token: "rvaYgkND1GOiu5MM0E1rncYC6PLtF7JV",
    app_id: "cli_9f5343c580712544",
    tenant_key: "2ca1d211f64f6438"
  },
  event: {
    chat_id: "oc_413871888e0d5492e25b173f0812efb7",
    operator_id: {
      union_id: "on_8ed6aa67826108097d9ee143816345",
      user_id: "e33ggbyz",
      open_id: "ou_84aad35d084aa403a838cf73ee18467"
    },
    external: false,
    operator_tenant_key: "27898y326",
    name: "群名称测试",
    i18n_names: {
      zh_cn: "群聊",
      en_us: "group chat",
      ja_jp: "グループチャット"
    }
  }
}

/** Page "机器人自定义菜单事件". */
export const botMenuClicked = {
  schema: "2.0",
  header: {
    event_id: "5e3702a84e847582be8db7fb73283c02",
    event_type: "application.bot.menu_v6",
    create_time: "1608725989000",
    token: "rvaYgkND1GOiu5MM0E1rncYC6PLtF7JV",
    app_id: "cli_9f5343c580712544",
    tenant_key: "2ca1d211f64f6438"
  },
  event: {
    operator: {
      operator_name: "张三",
      operator_id: {
        union_id: "on_8ed6aa67826108097d9ee143816345",
        user_id: "e33ggbyz",
        open_id: "ou_84aad35d084aa403a838cf73ee18467"
      }
    },
    event_key: "menu2022********67dfc8b885136",
    timestamp: 1669364458
  }
}

/** Page "应用停启用". */
export const appStatusChanged = {
  ts: "1502199207.7171419",
  uuid: "bc447199585340d1f3728d26b1c0297a",
  token: "41a9425ea7df4536a7623e38fa321bae",
  type: "event_callback",
  event: {
    app_id: "cli_xxx",
    tenant_key: "xxx",
    type: "app_status_change",
    status: "start_by_tenant",
    operator: {
      open_id: "xxx",
      user_id: "yyy",
      union_id: "zzz"
    }
  }
}

/** Page "首次启用应用". */
export const appOpened = {
  ts: "1502199207.7171419",
  uuid: "bc447199585340d1f3728d26b1c0297a",
  token: "41a9425ea7df4536a7623e38fa321bae",
  type: "event_callback",
  event: {
    app_id: "cli_xxx",
    tenant_key: "xxx",
    type: "app_open",
    applicants: [{
      open_id: "xxx"
    }],
    installer: {
      open_id: "xxx"
    },
    installer_employee: {
      open_id: "xxx"
    }
  }
}

/** Page "应用卸载". */
export const appUninstalled = {
  ts: "1502199207.7171419",
  uuid: "bc447199585340d1f3728d26b1c0297a",
  token: "41a9425ea7df4536a7623e38fa321bae",
  type: "event_callback",
  event: {
    app_id: "cli_xxx",
    tenant_key: "xxx",
    type: "app_uninstalled"
  }
}

/** Page "员工免审安装应用". */
export const appVisibilityAdded = {
  schema: "2.0",
  header: {
    event_id: "a069a9c71bd8f82dd1fc5a2fae777842",
    token: "l802sPhp2r1AMSPDTaJc5eYZOEnKyp",
    create_time: "1615813148349",
    event_type: "application.application.visibility.added_v6",
    tenant_key: "2d3aa0bc8d8f575d",
    app_id: "cli_9dbb2dd6f5e0d104"
  },
  event: {
    source: 1,
    users: [{
      user_id: {
        open_id: "ou_f370aea2baf6ffc69a6762d31cfaf96a",
        union_id: "on_6bc1e6c0e9ad8193fa4391278eb76891"
      }
    }]
  }
}

/** Page "员工入职". */
export const userCreated = {
  schema: "2.0",
  header: {
    event_id: "5e3702a84e847582be8db7fb73283c02",
    event_type: "contact.user.created_v3",
    create_time: "1608725989000",
    token: "rvaYgkND1GOiu5MM0E1rncYC6PLtF7JV",
    app_id: "cli_9f5343c580712544",
    tenant_key: "2ca1d211f64f6438"
  },
  event: {
    object: {
      open_id: "ou_7dab8a3d3cdcc9da365777c7ad535d62",
      union_id: "on_576833b917gda3d939b9a3c2d53e72c8",
      user_id: "e33ggbyz",
      name: "张三",
      en_name: "San Zhang",
      nickname: "Sunny Zhang",
      email: "zhangsan@gmail.com",
      enterprise_email: "demo@mail.com",
      job_title: "软件工程师",
      mobile: "12345678910",
      gender: 1,
      avatar: {
        avatar_72: "https://foo.icon.com/xxxx",
        avatar_240: "https://foo.icon.com/xxxx",
        avatar_640: "https://foo.icon.com/xxxx",
        avatar_origin: "https://foo.icon.com/xxxx"
      },
      status: {
        is_frozen: false,
        is_resigned: false,
        is_activated: true,
        is_exited: false,
        is_unjoin: false
      },
      department_ids: ["od-4e6ac4d14bcd5071a37a39de902c7141"],
      leader_user_id: "ou_3ghm8a2u0eftg0ff377125s5dd275z09",
      city: "杭州",
      country: "中国",
      work_station: "杭州",
      join_time: 1615381702,
      employee_no: "e33ggbyz",
      employee_type: 1,
      orders: [{
        department_id: "od-4e6ac4d14bcd5071a37a39de902c7141",
        user_order: 100,
        department_order: 100,
        is_primary_dept: true
      }],
      custom_attrs: [{
        type: "TEXT",
        id: "DemoId",
        value: {
          text: "DemoText",
          url: "http://www.fs.cn",
          pc_url: "http://www.fs.cn",
          option_id: "edcvfrtg",
          option_value: "option",
          name: "name",
          picture_url: "https://xxxxxxxxxxxxxxxxxx",
          generic_user: {
            id: "9b2fabg5",
            type: 1
          }
        }
      }],
      job_level_id: "mga5oa8ayjlp9rb",
      job_family_id: "mga5oa8ayjlp9rb",
      dotted_line_leader_user_ids: ["od-4e6ac4d14bcd5071a37a39de902c7141"]
    }
  }
}

/** Page "员工信息被修改". */
export const userUpdated = {
  schema: "2.0",
  header: {
    event_id: "5e3702a84e847582be8db7fb73283c02",
    event_type: "contact.user.updated_v3",
    create_time: "1608725989000",
    token: "rvaYgkND1GOiu5MM0E1rncYC6PLtF7JV",
    app_id: "cli_9f5343c580712544",
    tenant_key: "2ca1d211f64f6438"
  },
  event: {
    object: {
      open_id: "ou_7dab8a3d3cdcc9da365777c7ad535d62",
      union_id: "on_576833b917gda3d939b9a3c2d53e72c8",
      user_id: "e33ggbyz",
      name: "张三",
      en_name: "San Zhang",
      nickname: "Sunny Zhang",
      email: "zhangsan@gmail.com",
      enterprise_email: "demo@mail.com",
      job_title: "软件工程师",
      mobile: "12345678910",
      gender: 1,
      avatar: {
        avatar_72: "https://foo.icon.com/xxxx",
        avatar_240: "https://foo.icon.com/xxxx",
        avatar_640: "https://foo.icon.com/xxxx",
        avatar_origin: "https://foo.icon.com/xxxx"
      },
      status: {
        is_frozen: false,
        is_resigned: false,
        is_activated: true,
        is_exited: false,
        is_unjoin: false
      },
      department_ids: ["od-4e6ac4d14bcd5071a37a39de902c7141"],
      leader_user_id: "ou_3ghm8a2u0eftg0ff377125s5dd275z09",
      city: "杭州",
      country: "中国",
      work_station: "杭州",
      join_time: 1615381702,
      employee_no: "e33ggbyz",
      employee_type: 1,
      orders: [{
        department_id: "od-4e6ac4d14bcd5071a37a39de902c7141",
        user_order: 100,
        department_order: 100,
        is_primary_dept: true
      }],
      custom_attrs: [{
        type: "TEXT",
        id: "DemoId",
        value: {
          text: "DemoText",
          url: "http://www.fs.cn",
          pc_url: "http://www.fs.cn",
          option_id: "edcvfrtg",
          option_value: "option",
          name: "name",
          picture_url: "https://xxxxxxxxxxxxxxxxxx",
          generic_user: {
            id: "9b2fabg5",
            type: 1
          }
        }
      }],
      job_level_id: "mga5oa8ayjlp9rb",
      job_family_id: "mga5oa8ayjlp9rb",
      dotted_line_leader_user_ids: ["od-4e6ac4d14bcd5071a37a39de902c7141"]
    },
    old_object: {
      open_id: "ou_7dab8a3d3cdcc9da365777c7ad535d62",
      union_id: "on_576833b917gda3d939b9a3c2d53e72c8",
      user_id: "e33ggbyz",
      name: "张三",
      en_name: "San Zhang",
      nickname: "Sunny Zhang",
      email: "zhangsan@gmail.com",
      job_title: "软件工程师",
      mobile: "12345678910",
      gender: 1,
      avatar: {
        avatar_72: "https://foo.icon.com/xxxx",
        avatar_240: "https://foo.icon.com/xxxx",
        avatar_640: "https://foo.icon.com/xxxx",
        avatar_origin: "https://foo.icon.com/xxxx"
      },
      status: {
        is_frozen: false,
        is_resigned: false,
        is_activated: true,
        is_exited: false,
        is_unjoin: false
      },
      department_ids: ["od-4e6ac4d14bcd5071a37a39de902c7141"],
      leader_user_id: "ou_3ghm8a2u0eftg0ff377125s5dd275z09",
      city: "杭州",
      country: "中国",
      work_station: "杭州",
      join_time: 1615381702,
      employee_no: "e33ggbyz",
      employee_type: 1,
      orders: [{
        department_id: "od-4e6ac4d14bcd5071a37a39de902c7141",
        user_order: 100,
        department_order: 100,
        is_primary_dept: true
      }],
      custom_attrs: [{
        type: "TEXT",
        id: "DemoId",
        value: {
          text: "DemoText",
          url: "http://www.fs.cn",
          pc_url: "http://www.fs.cn",
          option_id: "edcvfrtg",
          option_value: "option",
          name: "name",
          picture_url: "https://xxxxxxxxxxxxxxxxxx",
          generic_user: {
            id: "9b2fabg5",
            type: 1
          }
        }
      }],
      job_level_id: "mga5oa8ayjlp9rb",
      job_family_id: "mga5oa8ayjlp9rb",
      dotted_line_leader_user_ids: ["od-4e6ac4d14bcd5071a37a39de902c7141"]
    }
  }
}

/** Page "员工离职". */
export const userDeleted = {
  schema: "2.0",
  header: {
    event_id: "5e3702a84e847582be8db7fb73283c02",
    event_type: "contact.user.deleted_v3",
    create_time: "1608725989000",
    token: "rvaYgkND1GOiu5MM0E1rncYC6PLtF7JV",
    app_id: "cli_9f5343c580712544",
    tenant_key: "2ca1d211f64f6438"
  },
  event: {
    object: {
      open_id: "ou_7dab8a3d3cdcc9da365777c7ad535d62",
      union_id: "on_576833b917gda3d939b9a3c2d53e72c8",
      user_id: "e33ggbyz",
      name: "张三",
      en_name: "San Zhang",
      nickname: "Sunny Zhang",
      email: "zhangsan@gmail.com",
      enterprise_email: "demo@mail.com",
      job_title: "软件工程师",
      mobile: "12345678910",
      gender: 1,
      avatar: {
        avatar_72: "https://foo.icon.com/xxxx",
        avatar_240: "https://foo.icon.com/xxxx",
        avatar_640: "https://foo.icon.com/xxxx",
        avatar_origin: "https://foo.icon.com/xxxx"
      },
      status: {
        is_frozen: false,
        is_resigned: false,
        is_activated: true,
        is_exited: false,
        is_unjoin: false
      },
      department_ids: ["od-4e6ac4d14bcd5071a37a39de902c7141"],
      leader_user_id: "ou_3ghm8a2u0eftg0ff377125s5dd275z09",
      city: "杭州",
      country: "中国",
      work_station: "杭州",
      join_time: 1615381702,
      employee_no: "e33ggbyz",
      employee_type: 1,
      orders: [{
        department_id: "od-4e6ac4d14bcd5071a37a39de902c7141",
        user_order: 100,
        department_order: 100,
        is_primary_dept: true
      }],
      custom_attrs: [{
        type: "TEXT",
        id: "DemoId",
        value: {
          text: "DemoText",
          url: "http://www.fs.cn",
          pc_url: "http://www.fs.cn",
          option_id: "edcvfrtg",
          option_value: "option",
          name: "name",
          picture_url: "https://xxxxxxxxxxxxxxxxxx",
          generic_user: {
            id: "9b2fabg5",
            type: 1
          }
        }
      }],
      job_level_id: "mga5oa8ayjlp9rb",
      job_family_id: "mga5oa8ayjlp9rb",
      dotted_line_leader_user_ids: ["od-4e6ac4d14bcd5071a37a39de902c7141"]
    },
    old_object: {
      department_ids: ["od_231kdgb2xxxx"],
      open_id: "ou_xxxxxxxxxx"
    }
  }
}

/** Page "部门新建". */
export const departmentCreated = {
  schema: "2.0",
  header: {
    event_id: "5e3702a84e847582be8db7fb73283c02",
    event_type: "contact.department.created_v3",
    create_time: "1608725989000",
    token: "rvaYgkND1GOiu5MM0E1rncYC6PLtF7JV",
    app_id: "cli_9f5343c580712544",
    tenant_key: "2ca1d211f64f6438"
  },
  event: {
    object: {
      name: "测试部门",
      parent_department_id: "od_j10jjkfsd89782",
      department_id: "jyd7sa8yf2",
      open_department_id: "od_j10j52hjksd9g0isdfg43",
      leader_user_id: "ou_3j1kh45jk18fgh23hf",
      chat_id: "oc_uiy325uy23bnv48gdf",
      order: 100,
      status: {
        is_deleted: false
      },
      leaders: [{
        leaderType: 1,
        leaderID: "ou_7dab8a3d3cdcc9da365777c7ad535d62"
      }],
      department_hrbps: [{
        union_id: "on_cad4860e7af114fb4ff6c5d496d1dd76",
        user_id: "98bc325a",
        open_id: "ou_c99c5f35d542efc7ee492afe11af19ef"
      }]
    }
  }
}

/** Page "部门信息变化". */
export const departmentUpdated = {
  schema: "2.0",
  header: {
    event_id: "5e3702a84e847582be8db7fb73283c02",
    event_type: "contact.department.updated_v3",
    create_time: "1608725989000",
    token: "rvaYgkND1GOiu5MM0E1rncYC6PLtF7JV",
    app_id: "cli_9f5343c580712544",
    tenant_key: "2ca1d211f64f6438"
  },
  event: {
    object: {
      name: "测试部门",
      parent_department_id: "od_j10jjkfsd89782",
      department_id: "jyd7sa8yf2",
      open_department_id: "od_j10j52hjksd9g0isdfg43",
      leader_user_id: "ou_3j1kh45jk18fgh23hf",
      chat_id: "oc_uiy325uy23bnv48gdf",
      order: 100,
      status: {
        is_deleted: false
      },
      leaders: [{
        leaderType: 1,
        leaderID: "ou_7dab8a3d3cdcc9da365777c7ad535d62"
      }],
      department_hrbps: [{
        union_id: "on_cad4860e7af114fb4ff6c5d496d1dd76",
        user_id: "98bc325a",
        open_id: "ou_c99c5f35d542efc7ee492afe11af19ef"
      }]
    },
    old_object: {
      name: "测试部门",
      parent_department_id: "od_j10jjkfsd89782",
      department_id: "jyd7sa8yf2",
      open_department_id: "od_j10j52hjksd9g0isdfg43",
      leader_user_id: "ou_3j1kh45jk18fgh23hf",
      chat_id: "oc_uiy325uy23bnv48gdf",
      order: 100,
      status: {
        is_deleted: false
      },
      leaders: [{
        leaderType: 1,
        leaderID: "ou_7dab8a3d3cdcc9da365777c7ad535d62"
      }],
      department_hrbps: [{
        union_id: "on_cad4860e7af114fb4ff6c5d496d1dd76",
        user_id: "98bc325a",
        open_id: "ou_c99c5f35d542efc7ee492afe11af19ef"
      }]
    }
  }
}

/** Page "部门被删除". */
export const departmentDeleted = {
  schema: "2.0",
  header: {
    event_id: "5e3702a84e847582be8db7fb73283c02",
    event_type: "contact.department.deleted_v3",
    create_time: "1608725989000",
    token: "rvaYgkND1GOiu5MM0E1rncYC6PLtF7JV",
    app_id: "cli_9f5343c580712544",
    tenant_key: "2ca1d211f64f6438"
  },
  event: {
    object: {
      name: "测试部门",
      parent_department_id: "od_j10jjkfsd89782",
      department_id: "jyd7sa8yf2",
      open_department_id: "od_j10j52hjksd9g0isdfg43",
      leader_user_id: "ou_3j1kh45jk18fgh23hf",
      chat_id: "oc_uiy325uy23bnv48gdf",
      order: 100,
      status: {
        is_deleted: false
      },
      leaders: [{
        leaderType: 1,
        leaderID: "ou_7dab8a3d3cdcc9da365777c7ad535d62"
      }],
      department_hrbps: [{
        union_id: "on_cad4860e7af114fb4ff6c5d496d1dd76",
        user_id: "98bc325a",
        open_id: "ou_c99c5f35d542efc7ee492afe11af19ef"
      }]
    },
    old_object: {
      status: {
        is_deleted: false
      },
      open_department_id: "od-xxxxxxxx"
    }
  }
}

/** Page "通讯录权限范围变更". */
export const contactScopeUpdated = {
  schema: "2.0",
  header: {
    event_id: "5e3702a84e847582be8db7fb73283c02",
    event_type: "contact.scope.updated_v3",
    create_time: "1608725989000",
    token: "rvaYgkND1GOiu5MM0E1rncYC6PLtF7JV",
    app_id: "cli_9f5343c580712544",
    tenant_key: "2ca1d211f64f6438"
  },
  event: {
    added: {
      departments: [{
        name: "DemoName",
        i18n_name: {
          zh_cn: "Demo名称",
          ja_jp: "デモ名",
          en_us: "Demo Name"
        },
        parent_department_id: "D067",
        department_id: "D096",
        open_department_id: "od-4e6ac4d14bcd5071a37a39de902c7141",
        leader_user_id: "ou_7dab8a3d3cdcc9da365777c7ad535d62",
        chat_id: "oc_5ad11d72b830411d72b836c20",
        order: "100",
        unit_ids: ["custom_unit_id"],
        member_count: 100,
        status: {
          is_deleted: false
        },
        leaders: [{
          leaderType: 1,
          leaderID: "ou_7dab8a3d3cdcc9da365777c7ad535d62"
        }],
        group_chat_employee_types: [1, 2, 3],
        primary_member_count: 100
      }],
      users: [{
        union_id: "on_94a1ee5551019f18cd73d9f111898cf2",
        user_id: "3e3cf96b",
        open_id: "ou_7dab8a3d3cdcc9da365777c7ad535d62",
        name: "张三",
        en_name: "San Zhang",
        nickname: "Alex Zhang",
        email: "zhangsan@gmail.com",
        mobile: "130xxxx1111",
        gender: 1,
        avatar: {
          avatar_72: "https://foo.icon.com/xxxx",
          avatar_240: "https://foo.icon.com/xxxx",
          avatar_640: "https://foo.icon.com/xxxx",
          avatar_origin: "https://foo.icon.com/xxxx"
        },
        status: {
          is_frozen: false,
          is_resigned: false,
          is_activated: true,
          is_exited: false,
          is_unjoin: false
        },
        leader_user_id: "ou_7dab8a3d3cdcc9da365777c7ad535d62",
        city: "杭州",
        country: "CN",
        work_station: "北楼-H34",
        join_time: 2147483647,
        employee_no: "1",
        employee_type: 1,
        custom_attrs: [{
          type: "TEXT",
          id: "DemoId",
          value: {
            text: "DemoText",
            url: "http://www.fs.cn",
            pc_url: "http://www.fs.cn",
            option_id: "edcvfrtg",
            option_value: "option",
            name: "name",
            picture_url: "https://xxxxxxxxxxxxxxxxxx",
            generic_user: {
              id: "9b2fabg5",
              type: 1
            }
          }
        }],
        enterprise_email: "demo@mail.com",
        job_title: "xxxxx",
        is_frozen: false,
        job_level_id: "mga5oa8ayjlp9rb",
        job_family_id: "mga5oa8ayjlp9rb",
        subscription_ids: ["7179609168571645971"],
        assign_info: [{
          subscription_id: "7079609167680782300",
          license_plan_key: "suite_enterprise_e5",
          product_name: "旗舰版 E5",
          i18n_name: {
            zh_cn: "zh_cn_name",
            ja_jp: "ja_jp_name",
            en_us: "en_name"
          },
          start_time: "1674981000",
          end_time: "1674991000"
        }],
        department_path: [{
          department_id: "od-4e6ac4d14bcd5071a37a39de902c7141",
          department_name: {
            name: "测试部门名1",
            i18n_name: {
              zh_cn: "Demo名称",
              ja_jp: "デモ名",
              en_us: "Demo Name"
            }
          },
          department_path: {
            department_ids: ["od-4e6ac4d14bcd5071a37a39de902c7141"],
            department_path_name: {
              name: "测试部门名1",
              i18n_name: {
                zh_cn: "Demo名称",
                ja_jp: "デモ名",
                en_us: "Demo Name"
              }
            }
          }
        }]
      }],
      user_groups: [{
        user_group_id: "test",
        name: "userGroupName",
        type: 1,
        member_count: 10,
        status: 1
      }]
    },
    removed: {
      departments: [{
        name: "DemoName",
        i18n_name: {
          zh_cn: "Demo名称",
          ja_jp: "デモ名",
          en_us: "Demo Name"
        },
        parent_department_id: "D067",
        department_id: "D096",
        open_department_id: "od-4e6ac4d14bcd5071a37a39de902c7141",
        leader_user_id: "ou_7dab8a3d3cdcc9da365777c7ad535d62",
        chat_id: "oc_5ad11d72b830411d72b836c20",
        order: "100",
        unit_ids: ["custom_unit_id"],
        member_count: 100,
        status: {
          is_deleted: false
        },
        leaders: [{
          leaderType: 1,
          leaderID: "ou_7dab8a3d3cdcc9da365777c7ad535d62"
        }],
        group_chat_employee_types: [1, 2, 3],
        primary_member_count: 100
      }],
      users: [{
        union_id: "on_94a1ee5551019f18cd73d9f111898cf2",
        user_id: "3e3cf96b",
        open_id: "ou_7dab8a3d3cdcc9da365777c7ad535d62",
        name: "张三",
        en_name: "San Zhang",
        nickname: "Alex Zhang",
        email: "zhangsan@gmail.com",
        mobile: "130xxxx1111",
        gender: 1,
        avatar: {
          avatar_72: "https://foo.icon.com/xxxx",
          avatar_240: "https://foo.icon.com/xxxx",
          avatar_640: "https://foo.icon.com/xxxx",
          avatar_origin: "https://foo.icon.com/xxxx"
        },
        status: {
          is_frozen: false,
          is_resigned: false,
          is_activated: true,
          is_exited: false,
          is_unjoin: false
        },
        leader_user_id: "ou_7dab8a3d3cdcc9da365777c7ad535d62",
        city: "杭州",
        country: "CN",
        work_station: "北楼-H34",
        join_time: 2147483647,
        employee_no: "1",
        employee_type: 1,
        custom_attrs: [{
          type: "TEXT",
          id: "DemoId",
          value: {
            text: "DemoText",
            url: "http://www.fs.cn",
            pc_url: "http://www.fs.cn",
            option_id: "edcvfrtg",
            option_value: "option",
            name: "name",
            picture_url: "https://xxxxxxxxxxxxxxxxxx",
            generic_user: {
              id: "9b2fabg5",
              type: 1
            }
          }
        }],
        enterprise_email: "demo@mail.com",
        job_title: "xxxxx",
        is_frozen: false,
        job_level_id: "mga5oa8ayjlp9rb",
        job_family_id: "mga5oa8ayjlp9rb",
        subscription_ids: ["7179609168571645971"],
        assign_info: [{
          subscription_id: "7079609167680782300",
          license_plan_key: "suite_enterprise_e5",
          product_name: "旗舰版 E5",
          i18n_name: {
            zh_cn: "zh_cn_name",
            ja_jp: "ja_jp_name",
            en_us: "en_name"
          },
          start_time: "1674981000",
          end_time: "1674991000"
        }],
        department_path: [{
          department_id: "od-4e6ac4d14bcd5071a37a39de902c7141",
          department_name: {
            name: "测试部门名1",
            i18n_name: {
              zh_cn: "Demo名称",
              ja_jp: "デモ名",
              en_us: "Demo Name"
            }
          },
          department_path: {
            department_ids: ["od-4e6ac4d14bcd5071a37a39de902c7141"],
            department_path_name: {
              name: "测试部门名1",
              i18n_name: {
                zh_cn: "Demo名称",
                ja_jp: "デモ名",
                en_us: "Demo Name"
              }
            }
          }
        }]
      }],
      user_groups: [{
        user_group_id: "test",
        name: "userGroupName",
        type: 1,
        member_count: 10,
        status: 1
      }]
    }
  }
}

/** Page "卡片回传交互回调". */
export const cardAction = {
  schema: "2.0",
  header: {
    event_id: "f7984f25108f8137722bb63c*****",
    token: "066zT6pS4QCbgj5Do145GfDbbag*****",
    create_time: "1603977298000000",
    event_type: "card.action.trigger",
    tenant_key: "2df73991750*****",
    app_id: "cli_a5fb0ae6a4******"
  },
  event: {
    operator: {
      tenant_key: "2df73991750*****",
      user_id: "867*****",
      open_id: "ou_3c14f3a59eaf2825dbe25359f15*****",
      union_id: "on_cad4860e7af114fb4ff6c5d496d*****"
    },
    token: "c-295ee57216a5dc9de90fefd0aadb4b1d7d******",
    action: {
      value: {
        key: "value"
      },
      tag: "button",
      timezone: "Asia/Shanghai",
      form_value: {
        "field name1": ["selectDemo1", "selectDemo2"],
        "field name2": "value2",
        DatePicker_bpqdq5puvn4: "2024-04-01 +0800",
        DateTimePicker_ihz2d7a74i: "2024-04-29 07:07 +0800",
        Input_lf4fmxwfrd9: "1234",
        PersonSelect_2ejys7ype7m: "ou_3c14f3a59eaf2825dbe25359f15*****",
        Select_a2d5b7l3zd: "1",
        TimePicker_7ecsf6xkqsq: "00:00 +0800"
      },
      name: "Button_lvkepfu3"
    },
    host: "im_message",
    delivery_type: "url_preview",
    context: {
      url: "xxx",
      preview_token: "xxx",
      open_message_id: "om_574d639e4a44e4dd646eaf628e2*****",
      open_chat_id: "oc_e4d2605ca917e695f54f11aaf56*****"
    }
  }
}

/** Page "拉取链接预览数据". */
export const linkPreview = {
  schema: "2.0",
  header: {
    event_id: "f7984f25108f8137722bb63cee92xxxx",
    token: "066zT6pS4QCbgj5Do145GfDbbagCxxxx",
    create_time: "1603977298000000",
    event_type: "url.preview.get",
    tenant_key: "xxxxxxx",
    app_id: "cli_xxxxxxxx"
  },
  event: {
    operator: {
      tenant_key: "xxxxxxx",
      user_id: "xxxxxxx",
      open_id: "ou_xxx"
    },
    host: "im_message",
    context: {
      url: "xxx",
      preview_token: "xxx",
      open_message_id: "om_xxx",
      open_chat_id: "oc_xxx"
    }
  }
}

/** Page "卡片回传交互回调", the answer with a card that is JSON. */
export const rawCardAnswer = {
  toast: {
    type: "info",
    content: "卡片交互成功",
    i18n: {
      zh_cn: "卡片交互成功",
      en_us: "card action success"
    }
  },
  card: {
    type: "raw",
    data: {
      schema: "2.0",
      config: {
        update_multi: true,
        style: {
          text_size: {
            normal_v2: {
              default: "normal",
              pc: "normal",
              mobile: "heading"
            }
          }
        }
      },
      body: {
        direction: "vertical",
        padding: "12px 12px 12px 12px",
        elements: [{
          tag: "div",
          text: {
            tag: "plain_text",
            content: "示例文本",
            text_size: "normal_v2",
            text_align: "left",
            text_color: "default"
          },
          margin: "0px 0px 0px 0px"
        }]
      },
      header: {
        title: {
          tag: "plain_text",
          content: "示例标题"
        },
        subtitle: {
          tag: "plain_text",
          content: "示例文本"
        },
        template: "blue",
        padding: "12px 12px 12px 12px"
      }
    }
  }
}

/** Page "卡片回传交互回调", the answer with a template. */
export const templateCardAnswer = {
  toast: {
    type: "info",
    content: "卡片交互成功",
    i18n: {
      zh_cn: "卡片交互成功",
      en_us: "card action success"
    }
  },
  card: {
    type: "template",
    data: {
      template_id: "AAqi6xJ8rabcd",
      template_version_name: "1.0.0",
      template_variable: {
        open_id: "ou_d506829e8b6a17607e56bcd6b1aabcef"
      }
    }
  }
}

/** Page "拉取链接预览数据", the answer. */
export const linkPreviewAnswer = {
  inline: {
    i18n_title: {
      zh_cn: "smart card test click jump & rich text"
    },
    image_key: "img_v3_025m_5xxxxxf9-ed30-4980-afff-827e13d8xxxx"
  },
  card: {
    type: "template",
    data: {
      template_id: "AAqVG2xxxxxBS",
      template_version_name: "1.0.0",
      template_variable: {}
    }
  }
}
