package main

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/carillonhq/carillon/plugins/email"
	"github.com/carillonhq/carillon/plugins/sink"
	"github.com/carillonhq/carillon/plugins/webhook"
	channelv1 "github.com/carillonhq/carillon/proto/channel/v1"
	"github.com/carillonhq/carillon/sdk"
)

// bundled are the channels that this binary serves as plugins. It is read-only.
var bundled = map[string]func() sdk.Channel{
	"email":   email.New,
	"sink":    sink.New,
	"webhook": webhook.New,
}

func bundledNames() []string { return slices.Sorted(maps.Keys(bundled)) }

// describe returns what a bundled channel says of itself, without a process.
func describe(kind string) *channelv1.DescribeResponse {
	about, err := sdk.NewServer(bundled[kind]()).Describe(context.Background(), nil)
	if err != nil {
		panic(err) // it answers from a constant
	}
	return about
}

// unknownKind says that there is no such channel, and which there are.
func unknownKind(kind string) error {
	return usagef("no bundled channel is called %q; there are %s", kind, strings.Join(bundledNames(), ", "))
}
