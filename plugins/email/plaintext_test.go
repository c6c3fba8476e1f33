package email

import "testing"

func TestPlainText(t *testing.T) {
	for _, x := range []struct{ name, in, want string }{
		{"paragraphs", "<p>Hello <b>Ana</b>,</p>\n<p>it  is\nready.</p>", "Hello Ana,\n\nit is ready."},
		{"blanks between inline elements", "<b>a</b><i>b</i> <u>c</u>", "ab c"},
		{"line breaks", "a<br>b<br/>c", "a\nb\nc"},
		{"a link keeps its target", `See <a href="https://shop.example/o/1">your order</a>.`, "See your order (https://shop.example/o/1)."},
		{"a link that is its own text", `<a href="https://shop.example">https://shop.example</a>`, "https://shop.example"},
		{"a script's link is dropped", `<a href="javascript:x()">click</a>`, "click"},
		{"a list", "<ul><li>one</li><li>two</li></ul>after", "- one\n- two\n\nafter"},
		{"a table", "<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\nc"},
		{"what is not shown", "<head><title>T</title><style>p{}</style></head><script>x()</script><p>a</p>", "a"},
		{"entities", "a &amp; b &lt;c&gt; &eacute;", "a & b <c> é"},
		{"a picture", `<img src="x" alt="Logo">`, "Logo"},
		{"broken markup", "<p>a<p>b</div></b>c", "a\n\nb\nc"},
		{"nothing", "", ""},
	} {
		t.Run(x.name, func(t *testing.T) {
			if got := plainText(x.in); got != x.want {
				t.Errorf("%q, want %q", got, x.want)
			}
		})
	}
}
