package routes_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/carillonhq/carillon/engine/hours"
	"github.com/carillonhq/carillon/engine/routes"
	"github.com/carillonhq/carillon/engine/send"
	carillonv1 "github.com/carillonhq/carillon/proto/carillon/v1"
)

func table(t testing.TB) *routes.Table {
	t.Helper()
	day, err := hours.Parse("08:00-22:00")
	if err != nil {
		t.Fatal(err)
	}
	list := func(s string) []string { return strings.Fields(s) }
	return &routes.Table{
		Zone: send.Zone("Europe/Lisbon"),
		Rules: map[string][]routes.Rule{
			"otp": {
				{Prefixes: list("+351 +44"), Hours: day, Channels: list("sms email")},
				{Prefixes: list("+1"), Channels: list("push")},
				{Hours: day, Channels: list("push sms")},
			},
			"cheap":     {{By: routes.Price, Channels: list("gold silver tin")}},
			"preferred": {{By: routes.Preference, Channels: list("sms email push")}},
			"both":      {{Channels: list("@cheap email @otp sms")}},
			"night":     {{Hours: day, Channels: list("sms")}},
			"nested":    {{Channels: list("@night")}},
			// A configuration is refused that names these.
			"a": {{Channels: list("@b x")}},
			"b": {{Channels: list("@a y")}},
		},
		Prices: map[string]routes.Prices{
			"gold":   routes.PricesOf(map[string]float64{"*": 0.05, "+351": 0.01, "+35191": 0.07}),
			"silver": routes.PricesOf(map[string]float64{"*": 0.04, "+1": 0.09}),
			"tin":    routes.PricesOf(map[string]float64{"*": 0.04}),
		},
	}
}

func TestResolve(t *testing.T) {
	for _, c := range []struct {
		name, channels, phone, zone, at, prefers string
		want                                     string
	}{
		// No route: nothing is looked at.
		{"channels alone", "sms email", "+351912345678", "", "12:00", "", "sms email"},
		{"none", "", "+351912345678", "", "12:00", "", ""},
		// By country and time of day: noon in winter, when Lisbon's clock is UTC.
		{"a country by day", "@otp", "+351912345678", "", "12:00", "", "sms email"},
		{"the other country", "@otp", "+447400123456", "", "12:00", "", "sms email"},
		{"the first minute", "@otp", "+351912345678", "", "08:00", "", "sms email"},
		{"the minute before", "@otp", "+351912345678", "", "07:59", "", "@otp"},
		{"another country by night", "@otp", "+14155550100", "", "03:00", "", "push"},
		{"everybody else by day", "@otp", "+33123456789", "", "12:00", "", "push sms"},
		// Who has no number is of no country.
		{"no number", "@otp", "", "", "12:00", "", "push sms"},
		// 12:00 UTC is 17:45 in Kathmandu and 04:00 in Los Angeles.
		{"day there", "@otp", "+351912345678", "Asia/Kathmandu", "12:00", "", "sms email"},
		{"night there", "@otp", "+351912345678", "America/Los_Angeles", "12:00", "", "@otp"},
		{"a zone that nobody knows any more", "@otp", "+351912345678", "Europe/Porto", "12:00", "", "sms email"},
		// The longest prefix has the price; of one price as they stand.
		{"by price", "@cheap", "+351212345678", "", "12:00", "", "gold silver tin"},
		{"by a longer prefix", "@cheap", "+351912345678", "", "12:00", "", "silver tin gold"},
		{"dear in one country", "@cheap", "+14155550100", "", "12:00", "", "tin gold silver"},
		{"for everybody else", "@cheap", "+33123456789", "", "12:00", "", "silver tin gold"},
		{"price without a number", "@cheap", "", "", "12:00", "", "silver tin gold"},
		// What the recipient says goes first; what the rule does not name stays out.
		{"no preference", "@preferred", "", "", "12:00", "", "sms email push"},
		{"one", "@preferred", "", "", "12:00", "push", "push sms email"},
		{"all, and another", "@preferred", "", "", "12:00", "webhook push email sms", "push email sms"},
		{"the same twice", "@preferred", "", "", "12:00", "push push email", "push email sms"},
		// Routes among channels, and in routes: each channel once, where it comes first.
		{"beside channels", "email @preferred", "", "", "12:00", "", "email sms push"},
		{"route by route", "@otp @preferred", "+351912345678", "", "12:00", "", "sms email push"},
		{"in another", "@both", "+351912345678", "", "12:00", "", "silver tin gold email sms"},
		{"in another, with no rule", "@both", "+351912345678", "", "03:00", "", "silver tin gold email sms"},
		{"all of it stands there", "sms email @otp", "+351912345678", "", "12:00", "", "sms email"},
		// What can't be resolved is left, so that the shard can say why.
		{"not known", "@opt sms", "", "", "12:00", "", "@opt sms"},
		{"a mark alone", "@", "", "", "12:00", "", "@"},
		{"no rule, then a channel", "@night push", "", "", "03:00", "", "@night push"},
		{"no rule in another", "@nested", "", "", "03:00", "", "@nested"},
		// A circle comes to an end.
		{"a circle", "@a", "", "", "12:00", "", "y x"},
	} {
		t.Run(c.name, func(t *testing.T) {
			at, err := time.Parse("2006-01-02 15:04", "2026-01-15 "+c.at)
			if err != nil {
				t.Fatal(err)
			}
			m := &carillonv1.Send{Channels: strings.Fields(c.channels), To: &carillonv1.Recipient{
				Phone: c.phone, TimeZone: c.zone, PreferredChannels: strings.Fields(c.prefers),
			}}
			if got := strings.Join(table(t).Resolve(m, at), " "); got != c.want {
				t.Errorf("%s by %s is %q, want %q", c.channels, c.at, got, c.want)
			}
			if got := strings.Join(m.Channels, " "); got != c.channels {
				t.Errorf("the send's own have become %q", got)
			}
		})
	}
}

// Whatever a send names: nothing twice, nothing lost that is a channel, the same each
// time, and resolving what came out changes nothing.
func TestResolveProperties(t *testing.T) {
	x := table(t)
	names := []string{"sms", "email", "push", "gold", "@otp", "@cheap", "@preferred", "@both", "@nested", "@a", "@b", "@none"}
	rapid.Check(t, func(r *rapid.T) {
		m := &carillonv1.Send{
			Channels: rapid.SliceOfNDistinct(rapid.SampledFrom(names), 0, 6, rapid.ID).Draw(r, "channels"),
			To: &carillonv1.Recipient{
				Phone:             rapid.SampledFrom([]string{"", "+351912345678", "+14155550100", "+33123456789"}).Draw(r, "phone"),
				PreferredChannels: rapid.SliceOfN(rapid.SampledFrom(names), 0, 3).Draw(r, "prefers"),
			},
		}
		at := time.Unix(rapid.Int64Range(1_700_000_000, 1_800_000_000).Draw(r, "at"), 0)
		got := x.Resolve(m, at)
		for i, channel := range got {
			if slices.Contains(got[:i], channel) {
				r.Fatalf("%s is twice in %v", channel, got)
			}
			if strings.HasPrefix(channel, "@") && !slices.Contains(m.Channels, channel) {
				r.Fatalf("%s is left in %v of %v", channel, got, m.Channels)
			}
		}
		for _, channel := range m.Channels {
			if !strings.HasPrefix(channel, "@") && !slices.Contains(got, channel) {
				r.Fatalf("%s of %v is not in %v", channel, m.Channels, got)
			}
		}
		again := &carillonv1.Send{Channels: got, To: m.To}
		if !slices.Equal(x.Resolve(m, at), got) || !slices.Equal(x.Resolve(again, at), got) {
			r.Fatalf("%v is not stable", got)
		}
	})
}

// BenchmarkResolve is what a send costs: without a route, and by each kind of rule.
func BenchmarkResolve(b *testing.B) {
	x, at := table(b), time.Date(2026, 1, 15, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct{ name, channels string }{
		{"none", "sms email"}, {"rules", "@otp"}, {"price", "@cheap"}, {"preference", "@preferred"}, {"nested", "@both"},
	} {
		m := &carillonv1.Send{Channels: strings.Fields(c.channels), To: &carillonv1.Recipient{
			Phone: "+351912345678", TimeZone: "Europe/Lisbon", PreferredChannels: []string{"push"},
		}}
		b.Run("route="+c.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				x.Resolve(m, at)
			}
		})
	}
}
