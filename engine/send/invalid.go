package send

// Codes of Invalid.
const (
	// CodeEmpty: the record has no value.
	CodeEmpty = "empty"
	// CodeUnknownFormat: the headers name a format that is not spoken here.
	CodeUnknownFormat = "unknown_format"
	// CodeTooLarge, CodeTooDeep, CodeTooManyFields: past a limit.
	CodeTooLarge      = "too_large"
	CodeTooDeep       = "too_deep"
	CodeTooManyFields = "too_many_fields"
	// CodeInvalidUTF8: bytes that are not UTF-8, or half of a surrogate pair.
	CodeInvalidUTF8 = "invalid_utf8"
	// CodeNotJSON, CodeNotProtobuf: the value breaks the format's grammar.
	CodeNotJSON     = "not_json"
	CodeNotProtobuf = "not_protobuf"
	// CodeWrongType: a number for a string, and the like.
	CodeWrongType = "wrong_type"
	// CodeDuplicateField: a known field is there twice.
	CodeDuplicateField = "duplicate_field"
	// CodeMissing: a required field is absent, null or empty.
	CodeMissing = "missing"
	// CodeBadValue: a value that the field can't have.
	CodeBadValue = "bad_value"
	// CodeControlCharacter: CR, LF, NUL or another control character where a
	// single line is asked for.
	CodeControlCharacter = "control_character"
)

// Invalid says why a record is no send. None of its fields holds any of the
// record's content, so that it may be logged.
type Invalid struct {
	// Code is one of the Code constants.
	Code string
	// Path is the field: "to.email", "to.push[0].token"; a header by its name;
	// empty for the record as a whole.
	Path string
	// Detail is a clause for people: what was expected.
	Detail string
}

func (i *Invalid) Error() string {
	if i.Path == "" {
		return "not a send: " + i.Code + ": " + i.Detail
	}
	return "not a send: " + i.Path + ": " + i.Code + ": " + i.Detail
}
