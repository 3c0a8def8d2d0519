#include "coulter/tune/search.hpp"

namespace coulter::tune {

Recorded::Recorded(Store& store, Setting setting, bool forget) : store_(&store), setting_(std::move(setting)) {
    if (!forget) {
        for (Record& record : store.records(setting_)) {
            std::pair key(record.schedule, record.comparison);
            records_.emplace(std::move(key), std::move(record));
        }
    }
}

const Record* Recorded::find(const std::string& schedule, const std::string& comparison) const {
    const auto at = records_.find({schedule, comparison});
    return at == records_.end() ? nullptr : &at->second;
}

void Recorded::add(const Record& record) {
    if (store_ != nullptr) {
        store_->add(setting_, record);
    }
    records_.insert_or_assign({record.schedule, record.comparison}, record);
}

} // namespace coulter::tune
