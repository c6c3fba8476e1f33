package conform

import (
	"errors"
	"math"
	"slices"
	"strings"
	"time"

	channelv1 "github.com/carillonhq/carillon/proto/channel/v1"
	"github.com/carillonhq/carillon/sdk"
)

// sends is the first attempt: where it fails, no other tells anything.
func (e *exam) sends() error {
	s, err := e.stream("a", false)
	if err != nil {
		return err
	}
	batch := e.good(1)
	if batch[0].Address.GetValue() == "" {
		return found("give an address that may be sent to, as `address` in the file of --config", "no address can be made up for the kind %s", e.about.AddressKind)
	}
	if err := s.answers(batch); err != nil {
		return err
	}
	return errors.Join(s.allSent(), s.finish())
}

func (e *exam) answersOnce() error {
	for _, size := range []int{0, 1, e.batch()} {
		s, err := e.stream("a", false)
		if err != nil {
			return err
		}
		// More than was granted the engine never sends.
		if err := s.send(e.good(min(size, s.granted))); err != nil {
			return err
		}
		if err := errors.Join(s.finish(), s.allSent()); err != nil {
			return err
		}
	}
	return nil
}

// keepsTokens sends some that no number of 53 bits holds, and several batches
// before the first result.
func (e *exam) keepsTokens() error {
	s, err := e.stream("a", false)
	if err != nil {
		return err
	}
	tokens := []uint64{firstToken, firstToken + 1, math.MaxInt64, math.MaxUint64, 1 << 32, 7}
	for batch := range slices.Chunk(tokens[:min(len(tokens), s.granted)], min(2, e.batch())) {
		attempts := e.good(len(batch))
		for i, a := range attempts {
			a.Token = batch[i]
		}
		if err := s.send(attempts); err != nil {
			return err
		}
	}
	return errors.Join(s.finish(), s.allSent())
}

// grantsCredits uses all that is granted, and counts what comes back.
func (e *exam) grantsCredits() error {
	const do = "grant what may be open when the stream opens, and give one credit back with each result"
	s, err := e.stream("a", false)
	if err != nil {
		return err
	}
	first := s.granted
	for left := min(first, 4096); left > 0; {
		n := min(left, e.batch())
		if err := s.send(e.good(n)); err != nil {
			return err
		}
		left -= n
	}
	if err := s.finish(); err != nil {
		return err
	}
	if want := first + s.results; s.granted != want {
		return found(do, "%d credits after %d results, want %d: the first %d and one for each", s.granted, s.results, want, first)
	}
	return s.allSent()
}

// servesUrgent: credits are the account's, whichever stream grants them.
func (e *exam) servesUrgent() error {
	bulk, err := e.stream("a", false)
	if err != nil {
		return err
	}
	s, err := e.stream("a", true)
	if err != nil {
		return err
	}
	n := min(3, bulk.granted, e.batch())
	if err := s.answers(e.good(n)); err != nil {
		return err
	}
	if err := errors.Join(s.allSent(), s.finish(), bulk.finish()); err != nil {
		return err
	}
	if s.granted != n {
		return found("grant nothing at first where DeliverRequest.urgent is set: both streams share the first one's credits",
			"the urgent stream granted %d credits for %d results", s.granted, n)
	}
	return nil
}

func (e *exam) sendsNothingLate() error {
	s, err := e.stream("a", false)
	if err != nil {
		return err
	}
	batch := e.good(min(4, e.batch(), s.granted))
	late := batch[:len(batch)-1]
	for i, a := range late {
		a.DeadlineMs = time.Now().Add(-time.Duration(i)*time.Minute - time.Second).UnixMilli()
	}
	if err := s.send(batch); err != nil {
		return err
	}
	if err := s.finish(); err != nil {
		return err
	}
	for _, a := range late {
		if v := s.verdicts[a.Token]; sent(v) {
			return found("answer it as failed, unsent: the engine has counted it as unknown, and it could go out twice",
				"an attempt whose deadline had passed is %q", v)
		}
	}
	if v := s.verdicts[batch[len(batch)-1].Token]; !sent(v) {
		return found("judge each attempt of a batch by its own deadline", "the attempt in time beside late ones is %q", v)
	}
	return nil
}

// keepsDeadline gives a second for what takes ten.
func (e *exam) keepsDeadline() error {
	const do = "give up at the attempt's deadline, and answer unknown: its credit is needed"
	s, err := e.stream("a", false)
	if err != nil {
		return err
	}
	a := e.fresh(e.suite.Slow)
	a.DeadlineMs = time.Now().Add(time.Second).UnixMilli()
	s.patience = min(s.patience, 4*time.Second)
	if err := s.answers([]*channelv1.Attempt{a}); err != nil {
		if len(s.open) > 0 {
			return found(do, "an attempt with a second to its deadline was not answered after %s", s.patience)
		}
		return err
	}
	word, _, _ := strings.Cut(s.verdicts[a.Token].String(), " ")
	if word != "unknown" && word != "failed" {
		return found(do, "an attempt to the slow address is %q at its deadline; is that address slow?", s.verdicts[a.Token])
	}
	return s.finish()
}

// survivesCancel breaks streams off with attempts open on them.
func (e *exam) survivesCancel() error {
	for range 20 {
		s, err := e.stream("a", false)
		if err != nil {
			return prefixed("after a stream was broken off", err)
		}
		if err := s.send(e.good(min(s.granted, e.batch(), 16))); err != nil {
			return err
		}
		if e.suite.Slow != nil && s.granted > 16 {
			if err := s.send([]*channelv1.Attempt{e.fresh(e.suite.Slow)}); err != nil {
				return err
			}
		}
		s.cancel()
	}
	s, err := e.stream("a", false)
	if err == nil {
		err = s.answers(e.good(min(3, s.granted, e.batch())))
	}
	if err != nil {
		return prefixed("after 20 streams were broken off", errors.Join(err,
			found("end what a stream started when the stream ends: nobody waits for it", "the account is not free again")))
	}
	return errors.Join(s.allSent(), s.finish())
}

func (e *exam) servesTwoAccounts() error {
	a, err := e.stream("a", false)
	if err != nil {
		return err
	}
	b, err := e.stream("b", false)
	if err != nil {
		return err
	}
	for range 3 {
		n := min(3, a.granted, b.granted, e.batch())
		if err := errors.Join(a.send(e.good(n)), b.send(e.good(n))); err != nil {
			return err
		}
		if err := errors.Join(a.await(), b.await()); err != nil {
			return err
		}
	}
	return errors.Join(a.allSent(), b.allSent(), a.finish(), b.finish())
}

// replacesAccount configures an account again while attempts are open.
func (e *exam) replacesAccount() error {
	s, err := e.stream("a", false)
	if err != nil {
		return err
	}
	for range 3 {
		if err := s.send(e.good(min(8, s.granted, e.batch()))); err != nil {
			return err
		}
		if err := errors.Join(e.open("a", e.suite.Settings), s.await(), s.allSent()); err != nil {
			return prefixed("configured while a stream is open", err)
		}
	}
	return s.finish()
}

func (e *exam) judges() error {
	var wrong []error
	for _, c := range e.suite.Cases {
		v, _, err := e.judge(c)
		got := v.String()
		if err == nil && got != c.Want && !strings.HasPrefix(got, c.Want+" ") {
			err = found("see docs/plugins.md for what each verdict means", "verdict %q, want %q", got, c.Want)
		}
		if err != nil {
			wrong = append(wrong, prefixed("case "+c.Name, err))
		}
	}
	return errors.Join(wrong...)
}

// judge makes the attempt of a case on an account of its own.
func (e *exam) judge(c Case) (sdk.Verdict, time.Duration, error) {
	settings := e.suite.Settings
	if c.Settings != "" {
		settings = c.Settings
	}
	if err := e.open("case", settings); err != nil {
		return sdk.Verdict{}, 0, err
	}
	s, err := e.stream("case", false)
	if err != nil {
		return sdk.Verdict{}, 0, err
	}
	a := e.fresh(func(int) *channelv1.Attempt { return c.Attempt() })
	began := time.Now()
	err = s.answers([]*channelv1.Attempt{a})
	took := time.Since(began)
	if err == nil {
		err = s.finish()
	}
	return s.verdicts[a.Token], took, err
}

// atOnce is the most that a throttle may take: the provider's answer.
const atOnce = 2 * time.Second

func (e *exam) throttles() error {
	var wrong []error
	for _, c := range e.suite.Cases {
		if !c.throttled() {
			continue
		}
		v, took, err := e.judge(c)
		switch {
		case err != nil:
		case !strings.HasPrefix(v.String(), "throttled"):
			err = found("answer throttled, with what the provider says of waiting", "verdict %q", v)
		case took > atOnce:
			err = found("answer at once, with the time to wait: the engine waits, and does other things meanwhile", "the throttle came after %s", took.Round(time.Millisecond))
		}
		if err != nil {
			wrong = append(wrong, prefixed("case "+c.Name, err))
		}
	}
	return errors.Join(wrong...)
}
