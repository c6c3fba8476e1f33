package config

import (
	"strings"
	"testing"
)

// One fault each, and what is said of it.
var faulty = []struct{ name, text, want string }{
	{"not YAML", "kafka: [", "x.yaml: (line 1): not valid YAML: did not find expected node content; check the indentation and the quotes there"},
	{"tab", "kafka:\n\tprefix: x", "x.yaml: (line 2): not valid YAML: found character that cannot start any token; check the indentation and the quotes there"},
	{"password read as an alias", "kafka: {sasl: {password: *hunter2}}", "x.yaml: an alias names no anchor; put a value that begins with `*` in quotes"},
	{"a list", "- a", "x.yaml: (line 1): must be a mapping of keys, and is a list"},
	{"two documents", "data: a\n---\ndata: b\n", "x.yaml: (line 2): a second document begins; keep one"},
	{"key of another style", "kafka:\n  sessionTimeout: 9s", "x.yaml: kafka.sessionTimeout (line 2): unknown key; did you mean `session_timeout`?"},
	{"key of no likeness", "status: {zzzzzz: 1}", "x.yaml: status.zzzzzz (line 1): unknown key; known are format"},
	{"key twice", "data: a\ndata: b", "x.yaml: data (line 2): the key stands on line 1 already; keep one of the two"},
	{"account twice", "channels: {sink: {accounts: {a: {},\n a: {}}}}", "x.yaml: channels.sink.accounts.a (line 2): the key stands on line 1 already; keep one of the two"},
	{"merge key", "kafka: &k {prefix: a.}\nlog: {<<: *k}", "x.yaml: log (line 2): merge keys (`<<`) are not read; write the keys out"},
	{"key that is a list", "kafka: {[a]: b}", "x.yaml: kafka (line 1): a key must be a plain name"},
	{"fallback on nothing", "fallback: {on: []}", "x.yaml: fallback.on (line 1): is empty; name what the next channel follows, such as attempts, or take [never]"},
	{"fallback on what is no end", "fallback:\n  on: [attempts,\n    policies]", "x.yaml: fallback.on[1] (line 3): \"policies\" is not known here; known are attempts, recipient, policy, message, unknown, never"},
	{"never and yet", "fallback: {on: [never, attempts]}", "x.yaml: fallback.on (line 1): has never beside others; let it stand alone, or delete it"},
	{"string for a section", "kafka: localhost", "x.yaml: kafka (line 1): must be a mapping of keys, and is a string"},
	{"string for a list", "kafka: {brokers: a:1}", "x.yaml: kafka.brokers (line 1): must be a list, and is a string"},
	{"number for a string", "kafka: {group: 7}", "x.yaml: kafka.group (line 1): must be a string (in quotes where it looks like a number), and is a number"},
	{"string for a number", "engine: {window: many}", "x.yaml: engine.window (line 1): must be a whole number, and is a string"},
	{"fraction for a number", "engine: {window: 1.5}", "x.yaml: engine.window (line 1): must be a whole number, and is a number"},
	{"number past all bounds", "engine: {window: 99999999999999999999}", "x.yaml: engine.window (line 1): must be a whole number, and is a number"},
	{"YAML 1.1's yes", "kafka: {tls: {enabled: yes}}", "x.yaml: kafka.tls.enabled (line 1): must be true or false, and is a string"},
	{"a tag that lies", "kafka: {tls: {enabled: !!bool maybe}}", "x.yaml: kafka.tls.enabled (line 1): must be true or false that fits"},
	{"no value", "data:", "x.yaml: data (line 1): must be a string (in quotes where it looks like a number), and is empty"},
	{"duration without a unit", "kafka: {session_timeout: 30}", `x.yaml: kafka.session_timeout (line 1): "30" must be a duration such as 300ms, 30s, 1h30m or 7d`},
	{"duration below 0", "channels: {sink: {deadline: -1s}}", "x.yaml: channels.sink.deadline (line 1): is -1s; take 0s to 1h"},
	{"size of another kind", "limits: {record: 1MB}", `x.yaml: limits.record (line 1): "1MB" must be a size such as 512KiB, 64MiB or 1GiB`},
	{"size past its bound", "limits: {record: 17MiB, batch: 1GiB}", "x.yaml: limits.record (line 1): is 17MiB; take 1KiB to 16MiB"},
	{"quiet hours of no length", `quiet_hours: {apps: {shop: {marketing: {hours: "08:00-08:00"}}}}`, `x.yaml: quiet_hours.apps.shop.marketing.hours (line 1): "08:00-08:00" has no length; give two different times, or leave the key out`},
	{"quiet hours that are none", `quiet_hours: {apps: {"*": {marketing: {hours: 10pm}}}}`, `x.yaml: quiet_hours.apps.*.marketing.hours (line 1): "10pm" must be a part of the day such as 22:00-08:00`},
	{"quiet hours of another policy", `quiet_hours: {apps: {shop: {marketing: {hours: "22:00-08:00", policy: dorp}}}}`, "x.yaml: quiet_hours.apps.shop.marketing.policy (line 1): \"dorp\" is not known here; did you mean `drop`?"},
	{"a policy without hours", `quiet_hours: {apps: {shop: {marketing: {policy: drop}}}}`, `x.yaml: quiet_hours.apps.shop.marketing.hours (line 1): is missing while policy is drop; set it, such as 22:00-08:00, or delete policy`},
	{"another policy without hours", `quiet_hours: {apps: {shop: {marketing: {policy: next}}}}`, `x.yaml: quiet_hours.apps.shop.marketing.hours (line 1): is missing while policy is next; set it, such as 22:00-08:00, or delete policy`},
	{"quiet hours of channels without hours", `{channels: {sink: }, quiet_hours: {apps: {shop: {marketing: {channels: [sink]}}}}}`, `x.yaml: quiet_hours.apps.shop.marketing.hours (line 1): is missing while channels is set; set it, such as 22:00-08:00, or delete channels`},
	{"quiet hours of no channel", `{channels: {sink: }, quiet_hours: {apps: {shop: {marketing: {hours: "22:00-08:00", channels: [sunk]}}}}}`, "x.yaml: quiet_hours.apps.shop.marketing.channels[0] (line 1): \"sunk\" is no channel that is configured; did you mean `sink`?"},
	{"zone that is none", `quiet_hours: {zone: Europe/Porto}`, `x.yaml: quiet_hours.zone (line 1): "Europe/Porto" is no zone of the IANA time zone database; take one such as Europe/Lisbon or UTC`},
	{"the machine's zone", `quiet_hours: {zone: Local}`, `x.yaml: quiet_hours.zone (line 1): "Local" is no zone of the IANA time zone database; take one such as Europe/Lisbon or UTC`},
	{"route's name", "channels: {sink: }\nroutes:\n  OTP: [{channels: [sink]}]", "x.yaml: routes.OTP (line 3): can't name a route; begin with a lower-case letter, go on with lower-case letters, digits, `_` and `-`, 63 at most"},
	{"a route without a rule", "routes: {otp: []}", "x.yaml: routes.otp (line 1): has no rule; add one, such as [{channels: [email]}]"},
	{"a rule that is no list", "channels: {sink: }\nroutes: {otp: {channels: [sink]}}", "x.yaml: routes.otp (line 2): must be a list, and is a mapping"},
	{"a rule without a channel", "routes: {otp: [{by: preference}]}", "x.yaml: routes.otp[0].channels (line 1): names no channel; name at least one"},
	{"a rule to no channel", "channels: {sink: }\nroutes:\n  otp:\n  - channels: [sink, sunk]", "x.yaml: routes.otp[0].channels[1] (line 4): \"sunk\" is no channel that is configured; did you mean `sink`?"},
	{"a rule to no route", "channels: {sink: }\nroutes: {otp: [{channels: [sink, '@opt']}]}", "x.yaml: routes.otp[0].channels[1] (line 2): \"@opt\" is no route that is configured; did you mean `otp`?"},
	{"a channel twice in a rule", "channels: {sink: }\nroutes: {otp: [{channels: [sink, sink]}]}", `x.yaml: routes.otp[0].channels[1] (line 2): "sink" is there twice; name it once`},
	{"a route to itself", "routes: {otp: [{channels: ['@otp']}]}", "x.yaml: routes.otp (line 1): comes back to itself: @otp -> @otp; take one of them out"},
	{"routes in a circle", "channels: {sink: }\nroutes:\n  a: [{channels: [sink, '@b']}]\n  b: [{prefix: ['+1'], channels: [sink]}, {channels: ['@c']}]\n  c: [{channels: ['@b']}]", "x.yaml: 2 faults\n" +
		"  routes.b (line 4): comes back to itself: @b -> @c -> @b; take one of them out\n" +
		"  routes.c (line 5): comes back to itself: @c -> @b -> @c; take one of them out"},
	{"a rule that is never asked", "channels: {sink: }\nroutes:\n  otp:\n  - channels: [sink]\n  - {hours: '08:00-22:00', channels: [sink]}", "x.yaml: routes.otp[0] (line 4): is for all sends, so that no rule below it is ever asked; put it last, or give it prefix or hours"},
	{"a country's name for its prefix", "channels: {sink: }\nroutes: {otp: [{prefix: ['+1', PT], channels: [sink]}]}", `x.yaml: routes.otp[0].prefix[1] (line 2): "PT" is no prefix; take + and digits, such as +351`},
	{"a prefix with no calling code", "channels: {sink: }\nroutes: {otp: [{prefix: ['+0351'], channels: [sink]}]}", `x.yaml: routes.otp[0].prefix[0] (line 2): "+0351" is no prefix; take + and digits, such as +351`},
	{"a prefix that is a number", "channels: {sink: }\nroutes: {otp: [{prefix: [+351], channels: [sink]}]}", `x.yaml: routes.otp[0].prefix[0] (line 2): must be a string (in quotes where it looks like a number), and is a number`},
	{"hours of no length in a rule", "channels: {sink: }\nroutes: {otp: [{hours: '08:00-08:00', channels: [sink]}, {channels: [sink]}]}", `x.yaml: routes.otp[0].hours (line 2): "08:00-08:00" has no length; give two different times, or leave the key out`},
	{"by something else", "channels: {sink: }\nroutes: {otp: [{by: prize, channels: [sink]}]}", "x.yaml: routes.otp[0].by (line 2): \"prize\" is not known here; did you mean `price`?"},
	{"by price without one", "channels: {sink: {prices: {+351: 0.03}}}\nroutes: {otp: [{by: price, channels: [sink]}]}", `x.yaml: routes.otp[0].channels[0] (line 2): has no price for everybody; set channels.sink.prices, such as {"*": 0.04}`},
	{"the price of a route", "channels: {sink: }\nroutes: {otp: [{by: price, channels: ['@b']}], b: [{channels: [sink]}]}", "x.yaml: routes.otp[0].channels[0] (line 2): is a route, which has no place by price; name its channels"},
	{"price of a country's name", "channels: {sink: {prices: {PT: 0.03}}}", "x.yaml: channels.sink.prices.PT (line 1): is no prefix; take + and digits, such as +351, or `*` for everybody else"},
	{"price below 0", "channels: {sink: {prices: {+351: -0.03}}}", `x.yaml: channels.sink.prices.+351 (line 1): "-0.03" must be a price such as 0.031`},
	{"price that is no number", "channels: {sink: {prices: {'*': .nan}}}", `x.yaml: channels.sink.prices.* (line 1): ".nan" must be a price such as 0.031`},
	{"price in a currency", "channels: {sink: {prices: {'*': 3 cents}}}", `x.yaml: channels.sink.prices.* (line 1): "3 cents" must be a price such as 0.031`},
	{"a cap of nothing", `caps: {apps: {shop: {marketing: {most: [0/1d]}}}}`, `x.yaml: caps.apps.shop.marketing.most[0] (line 1): "0/1d" must be 1 to 100 in a time; to send nothing leave the channel or the app out`},
	{"a cap below nothing", `caps: {apps: {shop: {marketing: {most: [3/1d, -1/7d]}}}}`, `x.yaml: caps.apps.shop.marketing.most[1] (line 1): "-1/7d" must be 1 to 100 in a time; to send nothing leave the channel or the app out`},
	{"a cap in no time", `caps: {all_apps: {marketing: {most: [3/0s]}}}`, `x.yaml: caps.all_apps.marketing.most[0] (line 1): "3/0s" must be in a time of at least 1s; an empty one bounds nothing`},
	{"a cap that is none", `caps: {all_apps: {marketing: {most: [3 a day]}}}`, `x.yaml: caps.all_apps.marketing.most[0] (line 1): "3 a day" must be a number in a time, such as 3/1d, 10/7d or 1/90m`},
	{"a cap longer than what is kept", `caps: {all_apps: {marketing: {most: [3/8d]}}}`, `x.yaml: caps.all_apps.marketing.most[0] (line 1): is 3/8d; take a time of at most kafka.topics.retention.status (7d): what went is counted anew from that topic`},
	{"further apart than what is kept", `caps: {all_apps: {marketing: {apart: 8d}}}`, `x.yaml: caps.all_apps.marketing.apart (line 1): is 8d; take at most kafka.topics.retention.status (7d): what went is counted anew from that topic`},
	{"further apart than a cap's time", `caps: {all_apps: {marketing: {most: [3/1h], apart: 2h}}}`, `x.yaml: caps.all_apps.marketing.apart (line 1): is 2h, which is more than the time of 3/1h, so that this could never be reached; take less, or delete that one`},
	{"less than nothing apart", `caps: {all_apps: {marketing: {apart: -1h}}}`, `x.yaml: caps.all_apps.marketing.apart (line 1): is -1h; take at least 0s`},
	{"a cap of another class", `caps: {all_apps: {marketin: {apart: 1h}}}`, "x.yaml: caps.all_apps.marketin (line 1): unknown key; did you mean `marketing`?"},
	{"a cap of another policy", `caps: {all_apps: {marketing: {apart: 1h, policy: dorp}}}`, "x.yaml: caps.all_apps.marketing.policy (line 1): \"dorp\" is not known here; did you mean `drop`?"},
	{"a policy without a cap", `caps: {all_apps: {marketing: {policy: drop}}}`, `x.yaml: caps.all_apps.marketing.most (line 1): is missing while policy is drop; set it, such as [3/1d], or delete policy`},
	{"no longest wait for another of the key", `ordering: {apps: {shop: {marketing: {longest_wait: 0s}}}}`, `x.yaml: ordering.apps.shop.marketing.longest_wait (line 1): is 0s; take at least 1s, or delete it: without it a send waits until it expires`},
	{"a longest wait below nothing", `ordering: {apps: {shop: {marketing: {longest_wait: -10m}}}}`, `x.yaml: ordering.apps.shop.marketing.longest_wait (line 1): is -10m; take at least 1s, or delete it: without it a send waits until it expires`},
	{"a longest wait that is hardly one", `ordering: {apps: {"*": {transactional: {longest_wait: 999ms}}}}`, `x.yaml: ordering.apps.*.transactional.longest_wait (line 1): is 999ms; take at least 1s, or delete it: without it a send waits until it expires`},
	{"another rule after it", `ordering: {apps: {shop: {marketing: {longest_wait: 10m, then: skipp}}}}`, "x.yaml: ordering.apps.shop.marketing.then (line 1): \"skipp\" is not known here; did you mean `skip`?"},
	{"a rule after no wait", `ordering: {apps: {shop: {marketing: {then: expire}}}}`, `x.yaml: ordering.apps.shop.marketing.longest_wait (line 1): is missing while then is expire; set it, such as 10m, or delete then`},
	{"an order of another class", `ordering: {apps: {shop: {marketin: {longest_wait: 10m}}}}`, "x.yaml: ordering.apps.shop.marketin (line 1): unknown key; did you mean `marketing`?"},
	{"an order of no app", `ordering: {apps: {"the shop": {}}}`, "x.yaml: ordering.apps.the shop (line 1): is no app; use letters, digits, `.`, `_` and `-`, 64 at most, or `*` for all"},
	{"caps of no app", `caps: {apps: {"the shop": {}}}`, "x.yaml: caps.apps.the shop (line 1): is no app; use letters, digits, `.`, `_` and `-`, 64 at most, or `*` for all"},
	{"a recipient's rate of 0", `channels: {sink: {recipient_rate: 0/m}}`, `x.yaml: channels.sink.recipient_rate (line 1): "0/m" must be above 0; leave the key out for no limit`},
	{"a recipient's burst without a rate", `channels: {sink: {recipient_burst: 3}}`, `x.yaml: channels.sink.recipient_rate (line 1): is missing while recipient_burst is set; set it, or delete recipient_burst`},
	{"quiet hours of no app", `quiet_hours: {apps: {"the shop": {}}}`, "x.yaml: quiet_hours.apps.the shop (line 1): is no app; use letters, digits, `.`, `_` and `-`, 64 at most, or `*` for all"},
	{"late by less than nothing", `late: {marketing: -1h}`, `x.yaml: late.marketing (line 1): is -1h; take at least 0s`},
	{"rate of 0", "channels: {sink: {accounts: {a: {rate: 0/s}}}}", `x.yaml: channels.sink.accounts.a.rate (line 1): "0/s" must be above 0; leave the key out for no limit`},
	{"rate below 0", "channels: {sink: {accounts: {a: {rate: -5/s}}}}", `x.yaml: channels.sink.accounts.a.rate (line 1): "-5/s" must be above 0; leave the key out for no limit`},
	{"wrong rate with a burst: one fault", "channels: {sink: {accounts: {a: {rate: fast, burst: 3}}}}", `x.yaml: channels.sink.accounts.a.rate (line 1): "fast" must be a rate such as 80/s, 600000/m, 10/h or 1000/d`},
	{"rate of an app without a name", "channels: {sink: {accounts: {a: {app_rates: {a b: 3/s}}}}}", "x.yaml: channels.sink.accounts.a.app_rates.a b (line 1): is no app; use letters, digits, `.`, `_` and `-`, 64 at most; for all others set app_rate"},
	{"rate of an app that may not use the account", "channels: {sink: {accounts: {a: {apps: [x], app_rates: {y: 3/s}}}}}", "x.yaml: channels.sink.accounts.a.app_rates.y (line 1): is an app that may not use the account; add it to apps, or delete the rate"},
	{"app rate of 0", "channels: {sink: {accounts: {a: {app_rates: {y: 0/s}}}}}", `x.yaml: channels.sink.accounts.a.app_rates.y (line 1): "0/s" must be above 0; leave the key out for no limit`},
	{"unknown dimension", "channels: {sink: {accounts: {a: {limits: {domains: 3/s}}}}}", "x.yaml: channels.sink.accounts.a.limits.domains (line 1): is no dimension that the engine knows; did you mean `domain`?"},
	{"dimension with a key of its own", "channels: {sink: {accounts: {a: {limits: {app: 3/s}}}}}", "x.yaml: channels.sink.accounts.a.limits.app (line 1): has a key of its own, beside limits: set rate, app_rate or campaign_rate"},
	{"dimension too slow to be remembered", "channels: {sink: {accounts: {a: {limits: {recipient: 5/h}}}}}", `x.yaml: channels.sink.accounts.a.limits.recipient (line 1): is "5/h"; take at least 1/m: what each value has used is known in memory only, and for a short time`},
	{"a breaker's pause above its bound", "channels: {sink: {accounts: {a: {breaker: {pause: 5m}}}}}", "x.yaml: channels.sink.accounts.a.breaker.pause (line 1): is 5m; take at most max_pause (1m)"},
	{"a breaker that looks at too few attempts", "channels: {sink: {accounts: {a: {breaker: {attempts: 5}}}}}", "x.yaml: channels.sink.accounts.a.breaker.attempts (line 1): is 5; take 20 to 10000"},
	{"a warm-up without a beginning", "channels: {sink: {accounts: {a: {warm_up: {steps: [50/d for 1d]}}}}}", "x.yaml: channels.sink.accounts.a.warm_up (line 1): has since without steps, or steps without since; set both or neither"},
	{"a warm-up since no day", "channels: {sink: {accounts: {a: {warm_up: {since: soon, steps: [50/d for 1d]}}}}}", `x.yaml: channels.sink.accounts.a.warm_up.since (line 1): "soon" must be a day such as 2026-12-01, or a time such as 2026-12-01T08:00:00Z`},
	{"a step without a time", "channels: {sink: {accounts: {a: {warm_up: {since: 2026-12-01, steps: [50/d]}}}}}", "x.yaml: channels.sink.accounts.a.warm_up.steps[0] (line 1): \"50/d\" must be a rate and for how long, such as `50/d for 1d`"},
	{"a step of no time", "channels: {sink: {accounts: {a: {warm_up: {since: 2026-12-01, steps: [50/d for 0s]}}}}}", "x.yaml: channels.sink.accounts.a.warm_up.steps[0] (line 1): \"50/d for 0s\" must be a rate and for how long, such as `50/d for 1d`"},
	{"a step of a rate of 0", "channels: {sink: {accounts: {a: {warm_up: {since: 2026-12-01, steps: [0/d for 1d]}}}}}", "x.yaml: channels.sink.accounts.a.warm_up.steps[0] (line 1): \"0/d\" must be above 0; leave the key out for no limit"},
	{"burst alone", "channels: {sink: {accounts: {a: {burst: 3}}}}", "x.yaml: channels.sink.accounts.a.rate (line 1): is missing while burst is set; set it, or delete burst"},
	{"enumeration", "kafka: {compression: gzip}", `x.yaml: kafka.compression (line 1): "gzip" is not known here; known are none, lz4, zstd, snappy`},
	{"settings that JSON can't hold", "channels: {sink: {accounts: {a: {settings: {x: .nan}}}}}", "x.yaml: channels.sink.accounts.a.settings.x (line 1): JSON has no such number; write a finite one, or quotes around it"},

	{"no broker", "kafka: {brokers: []}", "x.yaml: kafka.brokers (line 1): names no broker; list at least one host:port"},
	{"port out of range", "kafka: {brokers: ['a:70000']}", `x.yaml: kafka.brokers[0] (line 1): "a:70000" must be host:port, such as kafka-1.example.com:9092`},
	{"prefix", "kafka: {prefix: a/b}", "x.yaml: kafka.prefix (line 1): \"a/b\" can't begin a topic; use letters, digits, `.`, `_` and `-`, 200 at most"},
	{"group", "kafka: {group: ''}", "x.yaml: kafka.group (line 1): is empty; name the consumer group"},
	{"heartbeat", "kafka: {heartbeat: 20s}", "x.yaml: kafka.heartbeat (line 1): is 20s; take at most a third of kafka.session_timeout (30s), or one lost heartbeat costs the shards"},
	{"partitions", "kafka: {topics: {partitions: 10001}}", "x.yaml: kafka.topics.partitions (line 1): is 10001; take 1 to 10000"},
	{"in-sync copies", "kafka: {topics: {min_insync: 2}}", "x.yaml: kafka.topics.min_insync (line 1): is 2 with 1 copies, so nothing could be written; take at most kafka.topics.replication"},
	{"retention", "kafka: {topics: {retention: {status: 1h}}}", "x.yaml: kafka.topics.retention.status (line 1): is 1h; take at least engine.dedupe_window (1d), which is rebuilt from that topic"},
	{"TLS not enabled", "kafka: {tls: {ca: /ca.pem}}", "x.yaml: kafka.tls (line 1): is set up and not enabled; set kafka.tls.enabled to true, or delete the rest"},
	{"certificate without key", "kafka: {tls: {enabled: true, cert: /c.pem}}", "x.yaml: kafka.tls.cert (line 1): cert and key belong together; set both or neither"},
	{"login without mechanism", "kafka: {sasl: {username: u}}", "x.yaml: kafka.sasl (line 1): has a login and no mechanism; set kafka.sasl.mechanism, or delete the rest"},
	{"mechanism", "kafka: {sasl: {mechanism: scram-sha256, username: u, password: env:P}}", "x.yaml: kafka.sasl.mechanism (line 1): \"scram-sha256\" is not known here; did you mean `scram-sha-256`?"},
	{"no password", "kafka: {sasl: {mechanism: plain, username: u}}", "x.yaml: kafka.sasl.password (line 1): is empty; a mechanism needs a reference to the password, env:NAME or file:/path"},
	{"listen", "http: {listen: '8080'}", `x.yaml: http.listen (line 1): "8080" must be host:port, such as 127.0.0.1:8080`},
	{"data", "data: ''", "x.yaml: data (line 1): is empty; name the directory of the local state"},
	{"batch", "limits: {record: 2MiB, batch: 1MiB}", "x.yaml: limits.batch (line 1): is 1MiB; take at least limits.record (2MiB), or no batch could hold such a record"},
	{"park limits", "engine: {park_limit: 9, park_hard_limit: 8}", "x.yaml: engine.park_hard_limit (line 1): is 8; take at least engine.park_limit (9)"},
	{"channel's name", "channels: {E-Mail: {plugin: email}}", "x.yaml: channels.E-Mail (line 1): can't name a channel; begin with a lower-case letter, go on with lower-case letters, digits, `_` and `-`, 64 at most"},
	{"account's name", "channels: {sink: {accounts: {'a b': {}}}}", "x.yaml: channels.sink.accounts.a b (line 1): can't name an account; use letters, digits, `.`, `_` and `-`, 64 at most, a letter or digit first"},
	{"no app", "channels: {sink: {accounts: {a: {apps: []}}}}", "x.yaml: channels.sink.accounts.a.apps (line 1): names no app, so nothing could use the account; list apps, or delete the key for all of them"},
	{"app's name", "channels: {sink: {accounts: {a: {apps: [a/b]}}}}", "x.yaml: channels.sink.accounts.a.apps[0] (line 1): \"a/b\" is no app; use letters, digits, `.`, `_` and `-`, 64 at most, or `*` for all"},
	{"hold for no time", "channels: {sink: {on_unknown: hold, hold_for: 0}}", "x.yaml: channels.sink.hold_for (line 1): is 0 while on_unknown is hold; give the operator some time, such as 24h"},
	{"retry", "channels: {sink: {retry: {base: 1h}}}", "x.yaml: channels.sink.retry.base (line 1): is 1h; take at most retry.max (15m)"},
	{"plugin is a list", "channels: {sink: {plugin: [a]}}", "x.yaml: channels.sink.plugin (line 1): must be the name of a bundled plugin, or a mapping with path and sha256, and is a list"},
	{"relative path", "channels: {sink: {plugin: {path: bin/x, sha256: " + sum + "}}}", `x.yaml: channels.sink.plugin.path (line 1): "bin/x" must be an absolute path`},
	{"checksum", "channels: {sink: {plugin: {path: /x, sha256: abc}}}", "x.yaml: channels.sink.plugin.sha256 (line 1): must be 64 hex digits; `sha256sum FILE` prints them"},
	{"secret's name", "channels: {sink: {accounts: {a: {secrets: {'1': env:A}}}}}", "x.yaml: channels.sink.accounts.a.secrets.1 (line 1): can't name a secret; use the names that `carillon plugin list` shows"},
}

func TestFaults(t *testing.T) {
	for _, x := range faulty {
		t.Run(x.name, func(t *testing.T) {
			_, err := Parse([]byte(x.text), "x.yaml")
			if err == nil || err.Error() != x.want {
				t.Errorf("\n got %v\nwant %s", err, x.want)
			}
		})
	}
}

// What only a running engine needs.
func TestCheckRun(t *testing.T) {
	for text, want := range map[string]string{
		"data: x":            "channels: has no channel; add one, such as `channels: {sink: {accounts: {main: {}}}}`",
		"channels: {sink: }": "channels.sink.accounts (line 1): has no account; add one",
		"channels: {e: {plugin: emial, accounts: {a: }}}": "channels.e.plugin (line 1): \"emial\" is no bundled plugin; for one of your own give path and sha256; did you mean `email`?",
		"channels: {telegram: {accounts: {a: }}}":         "channels.telegram.plugin (line 1): \"telegram\" is no bundled plugin; for one of your own give path and sha256; known are email, sink",
	} {
		c, err := Parse([]byte(text), "x.yaml")
		if err != nil {
			t.Fatal(err)
		}
		if err := c.CheckRun("email", "sink"); err == nil || strings.TrimPrefix(err.Error(), "x.yaml: ") != want {
			t.Errorf("%s\n got %v\nwant %s", text, err, want)
		}
	}
}

// A configuration that was made in Go has faults without lines.
func TestValidateInGo(t *testing.T) {
	c := Default()
	c.Engine.Window = 0
	c.Channels = map[string]Channel{"sink": {}}
	err := c.Validate()
	if err == nil || !strings.HasPrefix(err.Error(), "configuration: ") || !strings.Contains(err.Error(), "\n  engine.window: is 0; take 1 to 1048576") {
		t.Error(err)
	}
}
